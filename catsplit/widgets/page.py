"""An interactive view as one piece of HTML that carries its own scripts: no server, no other host, no frame around it.

It works in a built page opened from the disk, in JupyterLab and in Colab. Python is not asked again.
"""

import base64
import gzip
import hashlib
import html
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from catsplit.errors import CatsplitError

if TYPE_CHECKING:
    from bokeh.models import CustomJS, LayoutDOM

MOST_BYTES = 4_000_000  # of one view; a page may have 6 MB in all, and two are the scripts of all pages

# Light whatever the page is, as the figures are; what a browser draws by itself (lists, buttons) is told so, too.
_STYLE = (
    "background: white; color: black; color-scheme: light; padding: .6em; border-radius: 4px; "
    "box-sizing: border-box; max-width: 100%"
)

# As the page's own script, because Bokeh looks for itself among what is global.
_UNPACK = """(async () => {
  const packed = Uint8Array.from(atob("PACKED"), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
})().catch(problem => {
  for (const view of document.querySelectorAll(".catsplit-view")) view.textContent = "This view needs a newer browser.";
  throw problem;
});"""


class Interactive:
    """A view that a notebook shows when it is a cell's last value, or by `display`.

    Attributes:
        name, script: as given.
        html: all of it.

    Args:
        name: what it is and does, one or two sentences for those who can't see it.
        inside: its HTML, before the script has run.
        script: JavaScript that shows the view; it is packed, so it may be long.
        libraries: JavaScript that must run before.

    Raises:
        CatsplitError: no name, or it is larger than `MOST_BYTES`.
    """

    def __init__(self, name: str, inside: str, script: str, libraries: Sequence[str] = ()) -> None:
        if not name.strip():
            raise CatsplitError("An interactive view needs a name: say what it shows and what can be done with it.")
        self.name, self.script = name, script
        packed = base64.b64encode(gzip.compress("\n;\n".join([*libraries, script]).encode(), mtime=0)).decode()
        self.html = (
            f'<div class="catsplit-view" role="group" aria-label="{html.escape(name)}" style="{_STYLE}">'
            f"<noscript>This view needs JavaScript. The figure beside it shows the same, standing still.</noscript>"
            f"{inside}</div>\n<script>\n{_UNPACK.replace('PACKED', packed)}\n</script>"
        )
        if len(self.html) > MOST_BYTES:
            raise CatsplitError(
                f"This view has {len(self.html) / 1e6:.1f} MB, and a page can hold {MOST_BYTES / 1e6:.0f}: "
                "show fewer or smaller clips."
            )

    def __repr__(self) -> str:
        return f"Interactive({self.name!r}, {len(self.html) / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        return self.html


def bokeh_view(name: str, layout: "LayoutDOM", ready: "CustomJS | None" = None) -> Interactive:
    """A Bokeh layout with about half a megabyte of Bokeh's own scripts, so that a page should have one.

    A view that is made twice from the same data is the same HTML.

    Args:
        name: as for `Interactive`.
        layout: what is shown; `sizing_mode="stretch_width"` lets it shrink on a phone. A layout serves one view.
        ready: what is done when it is there.

    Raises:
        CatsplitError: as for `Interactive`.
    """
    from bokeh.document import Document
    from bokeh.embed import components
    from bokeh.embed.bundle import bundle_for_objs_and_resources
    from bokeh.resources import INLINE

    document = Document()
    document.add_root(layout)
    if ready:
        document.js_on_event("document_ready", ready)
    script, place = components(layout, wrap_script=False)
    # Names that follow from the content, where Bokeh counts models and draws random numbers.
    names = re.compile(r'(?<=")(?:p\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=")')
    order = {found: number for number, found in enumerate(dict.fromkeys(names.findall(script)))}
    counted = names.sub(lambda found: str(order[found.group()]), script)
    digest = hashlib.sha256(counted.encode()).hexdigest()[:10]
    script, place = (names.sub(lambda found: f"view-{digest}-{order[found.group()]}", text) for text in (script, place))
    # Only the bundles that these models need.
    return Interactive(name, place, script, bundle_for_objs_and_resources([layout], INLINE).js_raw)
