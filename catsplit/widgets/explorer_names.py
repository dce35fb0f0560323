"""What names that a reader types can stand for, and where their new rows come from."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import cosine_similarity

from catsplit.errors import CatsplitError
from catsplit.head import Head, Rows
from catsplit.modifiers import Dictionary, Split

LINE_BY_LINE = "line by line"


def lines_of(text: str, coarse: str) -> tuple[str, ...]:
    """The names in a text, one a line; a line that begins with a small letter is a modifier, and coarse goes before."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return tuple(f"{coarse} {line}" if line[0].islower() else line for line in lines if line)


def named(head: Head, known: Mapping[str, Split], names: Sequence[str]) -> tuple[Split, str]:
    """The split into the names, and how it can be scored.

    A name that the benchmark has, in any wording, stands for that subcategory. Where there are as many names as
    subcategories, the others stand for those that are left, in their order ("line by line"), and the names are put
    into the benchmark's order. Otherwise nobody knows which clip is whose.

    Args:
        known: {wording: the benchmark's own split of the category}, the exact one first.

    Returns:
        The split, and a wording, "line by line", or "" where no name can be scored.

    Raises:
        CatsplitError: fewer than two names, one twice, or one that is a label of the head already.
    """
    own = next(iter(known.values()))
    if len(names) < 2:
        count = "there is only one" if names else "there is none"
        raise CatsplitError(f'"{own.coarse}" needs two subcategories or more, one a line, but {count}: type another.')
    lowered = [name.casefold() for name in names]
    if twice := [name for name in names if lowered.count(name.casefold()) > 1]:
        raise CatsplitError(f'The subcategory "{twice[-1]}" is there twice: change one of the two lines.')
    if taken := [label for label in head.labels if label.casefold() in lowered]:
        raise CatsplitError(f'The classifier already has a category "{taken[0]}": use other words for the new one.')
    for wording, split in known.items():
        if set(names) == set(split.subcategories):
            return split, wording
    place = {text: j for split in known.values() for j, text in enumerate(split.subcategories)}
    places = [place[name] for name in names if name in place]
    left = [j for j in range(len(own.subcategories)) if j not in places]
    strange = [name for name in names if name not in place]
    truth = ""
    if len(left) == len(strange) and len(set(places)) == len(places):
        place |= dict(zip(strange, left, strict=True))
        names, truth = sorted(names, key=place.__getitem__), LINE_BY_LINE
    return Split.of(own.coarse, names), truth


class Source(NamedTuple):
    """Where a row comes from.

    Attributes:
        modifier: what was asked for.
        kind: "matched", with the similarity of the texts as score; "drawn", without a score; "nearest", where the
            vector was made and not taken: the entry of the largest cosine to it; or "none".
        entry: label of the dictionary entry, or "" where there is none.
        donor: the entry's group.
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
    found = []
    for name, row in rows.items():
        modifier, entry, score = (rows.origins[name].get(key) for key in ("modifier", "source", "score"))
        kind = "drawn" if score is None else "matched"
        if not entry:
            cosines = cosine_similarity(dictionary.vectors, (row - start)[None])
            kind, entry, score = "nearest", dictionary.labels[int(cosines.argmax())], float(cosines.max())
        donor = dictionary.groups[dictionary.labels.index(entry)]
        source = Source(name, modifier, kind, entry, donor, score)
        found.append(Source(name, modifier, "none") if method == "copies" else source)
    return tuple(found)
