"""Where new rows come from."""

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import cosine_similarity

from catsplit.head import Rows
from catsplit.modifiers import Dictionary


class Source(NamedTuple):
    """Where a row comes from.

    Attributes:
        modifier: what was asked for.
        entry: label of the dictionary entry, or "" where there is none.
        donor: the entry's group.
        kind: "matched", with the similarity of the texts as score; "drawn", without a score; "nearest", where the
            vector was made and not taken: the entry of the largest cosine to it; or "none".
    """

    name: str
    modifier: str
    kind: str
    entry: str = ""
    donor: str = ""
    score: float | None = None


def sources_of(rows: Rows, dictionary: Dictionary, start: Tensor, method: str) -> tuple[Source, ...]:
    """A source for each of a method's rows.

    Args:
        start: (D,) the coarse row.
    """
    donors = dict(zip(dictionary.labels, dictionary.groups, strict=True))
    found = []
    for name, row in rows.items():
        origin = rows.origins[name]
        asked = name, origin["modifier"]
        if method == "copies":
            found.append(Source(*asked, "none"))
        elif entry := origin.get("source"):
            score = origin.get("score")
            kind = "drawn" if score is None else "matched"
            found.append(Source(*asked, kind, entry, donors[entry], score))
        else:
            cosines = cosine_similarity(dictionary.vectors, (row - start)[None])
            near = int(cosines.argmax())
            found.append(
                Source(*asked, "nearest", dictionary.labels[near], dictionary.groups[near], float(cosines[near]))
            )
    return tuple(found)
