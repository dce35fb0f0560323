"""Labels that share a concept by their words: a first draft of the groups that a modifier dictionary needs.

The rules are our own and know no data set's vocabulary. They see words and no meaning: "Opening something" and "Closing
something" have nothing in common for them. So what they propose is there to be read and edited.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from catsplit.errors import CatsplitError, repeated
from catsplit.words.tokens import Token, Tokens, cut_all, keys, phrases_of, says_something, tags_of, text_of


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
    if twice := repeated(labels):
        raise CatsplitError(f'The label "{twice[0]}" is there twice, but each must be different.')
    tokens = dict(zip(labels, cut_all(labels), strict=True))
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    for concepts in (_beginnings, _noun):
        sharing: dict[tuple[str, ...], dict[str, str]] = {}
        for label, own in tokens.items():
            if own and label not in taken:
                for words in concepts(own):
                    sharing.setdefault(keys(words), {})[label] = text_of(words)
        # The longest first; sorting keeps the order of equals.
        for words in sorted(sharing, key=len, reverse=True):
            free = [label for label in sharing[words] if label not in taken]
            if len(free) > 1:
                found.setdefault(sharing[words][free[0]], []).extend(free)
                taken.update(free)
    return dict(sorted(found.items(), key=lambda pair: labels.index(pair[1][0])))


def _beginnings(tokens: Tokens) -> Iterator[Tokens]:
    """The beginnings of a label that may be its concept."""
    tags = tags_of(tokens)
    phrases = phrases_of(tokens[tags:])
    ends = set(accumulate(map(len, phrases)))
    for n, token in enumerate(phrases[0]):
        # No part of the head: what follows a placeholder ("Dropping something next"), or explains the head in
        # brackets, and an adverb ("Bouncing a ball slowly").
        if token.is_content and not says_something([token]):
            ends.add(n + 1)
        elif token.is_gloss or (_is_adverb(token) and token is phrases[0][-1]):
            ends.add(n)
    for end in sorted(ends):
        words = [token for token in tokens[tags : tags + end] if token.is_content]
        if says_something(words) and (len(words) > 1 or not _is_verb(words)):
            yield tokens[: tags + end]


def _noun(tokens: Tokens) -> Iterator[Tokens]:
    """The noun at the end of a label that is one phrase without a verb, with the tags before it."""
    tags = tags_of(tokens)
    phrase, *later = phrases_of(tokens[tags:])
    last = phrase[-1]
    if not later and not _is_verb(phrase) and last.is_content and says_something([last]) and not _is_adverb(last):
        yield [*tokens[:tags], last]


def _is_verb(phrase: Tokens) -> bool:
    return any(token.key.endswith("ing") for token in phrase)


def _is_adverb(token: Token) -> bool:
    return token.key.endswith(("ly", "wise", "ward", "wards"))
