"""Published figures, to stand beside ours and never among them.

They are of SSv2-Split and FineGym-Split, part A: filmed video, and an MVD ViT-S that was trained on it. No figure of
another benchmark, Stage-Split least of all, can be held against them.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

SOURCE = (
    "Liu & Doughty, Let's Split Up: Zero-Shot Classifier Edits for Fine-Grained Video Understanding, ICLR 2026, "
    "arXiv 2602.16545"
)
SETTING = "MVD ViT-S backbone and CLIP ViT-L/14 text encoder where nothing else is said"


@dataclass(frozen=True)
class Published:
    """One published result, in percent; None where the paper gives no figure.

    Attributes:
        table: which of our tables it stands beside.
        method: as the paper names it.
        initial: rows that a low-shot method begins with.
    """

    table: Literal["zero-shot", "ablation", "one-shot"]
    benchmark: str
    method: str
    generality: float
    locality: float | None = None
    mean: float | None = None
    initial: str = ""


_SSV2, _GYM = "SSv2-Split A", "FineGym-Split A"

FIGURES = (
    Published("zero-shot", _SSV2, "vision–language: CLIP", 27.6, 100),
    Published("zero-shot", _SSV2, "vision–language: FG-CLIP", 30.9, 100),
    Published("zero-shot", _SSV2, "vision–language: VideoPrism", 28.2, 100),
    Published("zero-shot", _SSV2, "alignment", 46.3, 98.9),
    Published("zero-shot", _GYM, "vision–language: CLIP", 12.1, 100),
    Published("zero-shot", _GYM, "vision–language: FG-CLIP", 19.4, 100),
    Published("zero-shot", _GYM, "vision–language: VideoPrism", 21.7, 100),
    Published("zero-shot", _GYM, "alignment", 34.2, 97.8),
    Published("ablation", _SSV2, "retrieval", 45.0),
    Published("ablation", _SSV2, "alignment", 46.3),
    Published("ablation", _SSV2, "alignment, backbone pretrained by MVD", 46.3),
    Published("ablation", _SSV2, "alignment, backbone pretrained by SIGMA", 44.1),
    Published("ablation", _SSV2, "alignment, backbone pretrained by VideoMAE", 42.9),
    Published("ablation", _SSV2, "alignment, backbone not pretrained", 37.0),
    Published("ablation", _SSV2, "alignment, text encoder VideoPrism", 46.5),
    Published("ablation", _SSV2, "alignment, text encoder CLIP", 46.3),
    Published("ablation", _SSV2, "alignment, text encoder RoBERTa", 40.9),
    Published("one-shot", _SSV2, "whole model", 33.6, 0.0, 16.8, "coarse"),
    Published("one-shot", _SSV2, "new rows", 48.4, 98.4, 73.4, "coarse"),
    Published("one-shot", _SSV2, "new rows", 52.8, 98.2, 75.5, "alignment"),
    Published("one-shot", _SSV2, "whole model, all the data", 86.7, 19.2, 52.9, "coarse"),
)


def figures(table: str | None = None, benchmark: str | None = None) -> "pd.DataFrame":
    """The published figures, one a line, with their source.

    Args:
        table: "zero-shot", "ablation" or "one-shot"; all of them, if not given.
        benchmark: "SSv2-Split" or "FineGym-Split"; any other name, or none, gives those of both.
    """
    import pandas as pd

    found = pd.DataFrame([asdict(figure) for figure in FIGURES])
    if table is not None:
        found = found[found["table"] == table]
    if benchmark is not None and found["benchmark"].str.startswith(f"{benchmark} ").any():
        found = found[found["benchmark"].str.startswith(f"{benchmark} ")]
    return found.assign(source=SOURCE).reset_index(drop=True)
