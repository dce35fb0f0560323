"""Labels that share a concept by their words: a first draft of the groups that a modifier dictionary needs.

The rules are our own and know no data set's vocabulary. They see words and no meaning: "Opening something" and "Closing
something" have nothing in common for them. So what they propose is there to be read and edited.
"""

from collections.abc import Iterator, Sequence

from catsplit.errors import CatsplitError
from catsplit.words.tokens import Token, Tokens, cut_all, keys, phrases_of, says_something, text_of


def propose_groups(labels: Sequence[str]) -> dict[str, list[str]]:
    """Group labels that share a concept by their words; deterministic, and cautious rather than complete.

    1. Labels that begin alike, up to the end of a phrase, are a group: "Pushing something | from left to right". Where
       several beginnings are shared, the longest counts: "Moving something across a surface | until it falls down" is
       no kind of "Moving something". A verb alone is too little ("Playing | chess").
    2. Of the rest, labels of one phrase that end in the same noun are a group: "a striped | circle". Not so where there
       is a verb ("Washing | hands").

    Args:
        labels: those of a head, for example.

    Returns:
        {concept: two or more of the labels}, in the labels' order; labels without a partner are in no group. Written by
        `Taxonomy(groups, {}).save(path)`, it is the file that `catsplit split --groups` takes.

    Raises:
        CatsplitError: what isn't a list of texts, an empty text, or one that is there twice.
    """
    if isinstance(labels, str) or not all(isinstance(label, str) and label.strip() for label in labels):
        raise CatsplitError("To be grouped, labels must be a list of texts, none of them empty.")
    if twice := next((label for place, label in enumerate(labels) if label in labels[:place]), None):
        raise CatsplitError(f'The label "{twice}" is there twice, but each must be different.')
    tokens = dict(zip(labels, cut_all(labels), strict=True))
    found: dict[str, list[str]] = {}
    for concepts in (_beginnings, _noun):
        left = [label for label in labels if not any(label in group for group in found.values())]
        sharing: dict[tuple[str, ...], dict[str, str]] = {}
        for label in left:
            for words in concepts(tokens[label]):
                sharing.setdefault(keys(words), {})[label] = text_of(words)
        taken: set[str] = set()
        # The longest first; sorting keeps the order of equals.
        for _, members in sorted(sharing.items(), key=lambda pair: -len(pair[0])):
            free = [label for label in members if label not in taken]
            if len(free) > 1:
                found.setdefault(members[free[0]], []).extend(free)
                taken.update(free)
    return dict(sorted(found.items(), key=lambda pair: labels.index(pair[1][0])))


def _beginnings(tokens: Tokens) -> Iterator[Tokens]:
    """The beginnings of a label that may be its concept."""
    tags, phrases = _parts(tokens)
    ends, at = set(), tags
    for phrase in phrases:
        if not ends:
            # No part of the head: what follows a placeholder ("Dropping something next"), or explains the head in
            # brackets, and an adverb ("Bouncing a ball slowly").
            ends |= {at + n + 1 for n, token in enumerate(phrase) if n and _is_placeholder(token)}
            ends |= {at + n for n, token in enumerate(phrase) if n and token.is_gloss}
            if len(phrase) > 1 and _is_adverb(phrase[-1]):
                ends.add(at + len(phrase) - 1)
        at += len(phrase)
        ends.add(at)
    for end in sorted(ends):
        words = [token for token in tokens[tags:end] if token.is_content]
        if says_something(words) and (len(words) > 1 or not _is_verb(words)):
            yield tokens[:end]


def _noun(tokens: Tokens) -> Iterator[Tokens]:
    """The noun at the end of a label that is one phrase without a verb, with the tags before it."""
    tags, phrases = _parts(tokens)
    if len(phrases) != 1 or _is_verb(phrases[0]):
        return
    last = phrases[0][-1]
    if last.is_content and says_something([last]) and not _is_adverb(last):
        yield [*tokens[:tags], last]


def _parts(tokens: Tokens) -> tuple[int, list[Tokens]]:
    """How many bracketed tags, such as the "(FX)" of FineGym, begin a label; and the phrases after them."""
    tags = next((n for n, token in enumerate(tokens) if not token.is_gloss), 0)
    return tags, phrases_of(tokens[tags:])


def _is_verb(phrase: Tokens) -> bool:
    return any(token.key.endswith("ing") for token in phrase)


def _is_adverb(token: Token) -> bool:
    return token.key.endswith(("ly", "wise", "ward", "wards"))


def _is_placeholder(token: Token) -> bool:
    return token.is_content and not says_something([token])
