"""From lines that a reader types to a split, with an error for lines that can't be one."""

from collections.abc import Sequence
from dataclasses import replace

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.modifiers import Split
from catsplit.words.modifier_text import extract_modifiers

LINE_BY_LINE = "line by line"


def lines_of(text: str, coarse: str) -> tuple[str, ...]:
    """The names in a text, one a line; a line that begins with a small letter is a modifier, and coarse goes before."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return tuple(f"{coarse} {line}" if line[0].islower() else line for line in lines if line)


def named(head: Head, known: Sequence[Split], names: Sequence[str], wordings: Sequence[str]) -> tuple[Split, str]:
    """The split into the names, and how it can be scored.

    A name that the benchmark has, in any wording, stands for that subcategory. Where there are as many names as
    subcategories, the others stand for those that are left, in their order ("line by line"), and the names are put
    into the benchmark's order. Otherwise nobody knows which clip is whose.

    Args:
        known: the benchmark's own split of the category in each wording, the exact one first.
        wordings: their names.

    Returns:
        The split, and one of `wordings`, "line by line", or "" where no name can be scored.

    Raises:
        CatsplitError: fewer than two names, one twice, or one that is a label of the head already.
    """
    coarse = known[0].coarse
    if len(names) < 2:
        count = "there is only one" if names else "there is none"
        raise CatsplitError(f'"{coarse}" needs two subcategories or more, one a line, but {count}: type another.')
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise CatsplitError(f'The subcategory "{name}" is there twice: change one of the two lines.')
        seen.add(name.casefold())
        if taken := next((label for label in head.labels if label.casefold() == name.casefold()), None):
            raise CatsplitError(f'The classifier already has a category "{taken}": use other words for the new one.')
    for wording, split in zip(wordings, known, strict=True):
        if set(names) == set(split.subcategories):
            return split, wording
    meaning = {text: j for split in known for j, text in enumerate(split.subcategories)}
    own = {text: words for split in known for text, words in zip(split.subcategories, split.modifiers, strict=True)}
    taken = [meaning[name] for name in names if name in meaning]
    k, truth = len(known[0].subcategories), ""
    if len(names) == k and len(set(taken)) == len(taken):
        left = iter(j for j in range(k) if j not in taken)
        place = {name: meaning[name] if name in meaning else next(left) for name in names}
        names, truth = sorted(names, key=place.__getitem__), LINE_BY_LINE
    given = {name: own[name] for name in names if name in own}
    if len(set(given.values())) < len(given):
        given = {}
    modifiers = extract_modifiers(coarse, names, given)
    return replace(known[0], subcategories=tuple(names), modifiers=tuple(modifiers[name] for name in names)), truth
