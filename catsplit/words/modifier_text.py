"""Modifier texts drawn from labels: what a subcategory's label says beyond its coarse category's.

"Pushing something from left to right" is "Pushing something" and "from left to right" (Liu & Doughty, ICLR
2026, arXiv 2602.16545). The rules that take the one from the other are our own. They know English function
words and endings, but no data set's vocabulary: a modifier is made of words of its own label, in their order,
and what can't be taken apart safely stays whole.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from catsplit.errors import BenchmarkError, repeated
from catsplit.words.tokens import (
    CLAUSE,
    Tokens,
    cut_all,
    has_head,
    keys,
    phrases_of,
    says_something,
    stems,
    tags_of,
    text_of,
)  # fmt: skip

_AND = ("and", "&")


def extract_modifiers(coarse: str, siblings: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Draw from each subcategory's label the words that tell it from the coarse category and its siblings.

    The rules, in this order:

    1. A label that continues the coarse label keeps the continuation; otherwise the words that all siblings
       begin with go, back to the end of a phrase ("Dropping something with spatial relation" has siblings
       that begin with "Dropping something").
    2. Phrases that end every sibling's label tell nothing apart, and go; but a bare particle belongs to the
       verb before it ("slide down").
    3. In the head phrase, and in one that "and" or "or" joins to it, the words of the coarse label go, in
       whatever inflection; a number keeps what it counts.
    4. Every later phrase (a function word and what it governs) goes whole or stays whole, because half a
       phrase is no English: "against something" stays even where "something" is shared. An infinitive of the
       shared verb goes ("Pretending to squeeze something") unless words that depend on it stay.
    5. A coarse label that lists concepts ("Closing something and Opening something") shares only the words
       that every sibling has, and the noun that ends the list ("ring and arch jump").
    6. What is then empty, or the same for two siblings, falls back to a longer text: the label without its
       shared beginning, if some sibling lacks one of these words, and at last the whole label. So an unmarked
       member, the "Squeezing something" beside a "Pretending to squeeze something", is its own modifier.

    Args:
        coarse: the coarse label, or the pseudo-coarse text of a group.
        siblings: the labels of its k subcategories, all different.
        given: modifier texts that are already decided; they win, and no other sibling gets the same.

    Returns:
        {label: modifier} in the siblings' order; no text is empty and none occurs twice.

    Raises:
        BenchmarkError: a label is empty, or two siblings or two given texts are the same.
    """
    given = given or {}
    if repeated(siblings) or not all(label.strip() for label in siblings):
        raise BenchmarkError(f'The subcategories of "{coarse}" must be different labels, none of them empty.')
    family = _Family(coarse, siblings)
    ladders = {label: [given[label]] if label in given else family.ladder(label) for label in siblings}
    while True:
        found = {label: ladder[0] for label, ladder in ladders.items()}
        counts = Counter(text.casefold() for text in found.values())
        clashing = [label for label, text in found.items() if counts[text.casefold()] > 1 and ladders[label][1:]]
        if not clashing:
            break
        for label in clashing:
            del ladders[label][0]
    if twice := repeated(found.values()):
        raise BenchmarkError(f'Two subcategories of "{coarse}" have the modifier "{twice[0]}": change a given one.')
    return found


class _Family:
    """A coarse label and its subcategories' labels, cut into words."""

    def __init__(self, coarse: str, siblings: Sequence[str]):
        self.coarse, *tokens = cut_all((coarse, *siblings))
        self.tokens = dict(zip(siblings, tokens, strict=True))
        shared = _shared_start(tokens)
        self.starts = {label: self._coarse_start(own) or shared for label, own in self.tokens.items()}
        self.rests = {label: own[self.starts[label] :] for label, own in self.tokens.items()}
        phrases = _without_shared_end([phrases_of(rest) for rest in self.rests.values()], self.coarse)
        self.phrases = dict(zip(siblings, phrases, strict=True))
        forms = {(token.stem, token.key) for own in (self.coarse, *tokens) for token in own}
        self.inflected = set(repeated(stem for stem, _ in forms))

    def ladder(self, label: str) -> list[str]:
        """Texts for one sibling, from the shortest that says the difference to the whole label."""
        tokens, rest = self.tokens[label], self.rests[label]
        steps = [self._difference(self.phrases[label], *self._concept(tokens[: self.starts[label]]))]
        if any(set(keys(rest)).difference(keys(other)) for other in self.tokens.values()):
            steps.append(rest)
        shared = os.path.commonprefix([keys(tokens), keys(self.coarse)])
        steps.append(tokens[min(tags_of(tokens), len(shared)) :])
        return [*(text_of(step) for step in steps if says_something(step)), label]

    def _coarse_start(self, tokens: Tokens) -> int:
        """The coarse label's length in words where a longer label begins with it, and else 0."""
        length = len(self.coarse)
        return length if len(tokens) > length and keys(tokens[:length]) == keys(self.coarse) else 0

    def _concept(self, start: Tokens) -> tuple[Counter[str], set[str]]:
        """Stems of the shared content words, with how often each may go, and the shared function words."""
        content = stems(self.coarse)
        functions = {token.key for token in self.coarse if token.is_function}
        if any(token.key in _AND for token in self.coarse):
            for tokens in self.tokens.values():
                content &= stems(tokens)
                functions &= set(keys(tokens))
            joint = max(n for n, token in enumerate(self.coarse) if token.key in _AND)
            last = [token for token in self.coarse[joint:] if token.is_content]
            words = set(keys(self.coarse))
            if len(last) > 1 and not all(words.issuperset(keys(tokens)) for tokens in self.tokens.values()):
                content |= stems(last[-1:])
        return content - stems(start), functions

    def _difference(self, phrases: list[Tokens], concept: Counter[str], functions: set[str]) -> Tokens:
        """Apply rules 3 and 4; infinitives come last, as one may only go with all that depends on it."""
        whole = concept.copy()
        stays: list[bool] = []
        found: list[Tokens] = []
        for number, phrase in enumerate(phrases):
            if number == 0 and has_head(phrases):
                own = _own_words(phrase, concept)
            elif phrase[0].key in ("and", "or") and not any(token.is_function for token in phrase[1:]):
                # A joined phrase is parallel to the head, so the same words may go once more.
                own = [phrase[0], *rest] if (rest := _own_words(phrase[1:], whole.copy())) else []
            else:
                said = [token for tokens, kept in zip(found, stays, strict=True) if kept for token in tokens]
                own = [] if self._is_shared(phrase, said, concept, functions) else phrase
            stays.append(bool(own))
            found.append(own or phrase)
        for number, phrase in enumerate(found):
            later = next((found[n] for n in range(number + 1, len(found)) if stays[n]), None)
            if self._is_infinitive(phrase) and later and not (later[0].is_mark or later[0].key in CLAUSE):
                stays[number] = True
        return [token for phrase, kept in zip(found, stays, strict=True) if kept for token in phrase]

    def _is_shared(self, phrase: Tokens, said: Tokens, concept: Counter[str], functions: set[str]) -> bool:
        """Whether the concept covers a later phrase, which it then does only once."""
        governing = {token.key for token in phrase if token.is_function}
        if self._is_infinitive(phrase):
            governing -= {"to", "be"}
        words = stems(phrase)
        for token in phrase:
            # "close something without actually closing it" says its verb once.
            if token.is_content and token.stem in stems(said) and token.key not in keys(said):
                words[token.stem] -= 1
        shared = governing <= functions and not +words - concept
        if shared:
            concept -= words
        return shared

    def _is_infinitive(self, phrase: Tokens) -> bool:
        """Whether a phrase is "to" and a verb that the family also has in another form ("to squeeze")."""
        verb = next((token for token in phrase if token.is_content), None)
        return phrase[0].key == "to" and verb is not None and verb.stem in self.inflected


def _shared_start(siblings: list[Tokens]) -> int:
    """How many words all siblings begin with, back to where a phrase or a counted noun ends."""
    if len(siblings) < 2:
        return 0
    first, same = siblings[0], len(os.path.commonprefix([keys(tokens) for tokens in siblings]))
    while same and (first[same - 1].is_function or first[same - 1].is_article or first[same - 1].is_number):
        same -= 1
    return same


def _without_shared_end(siblings: list[list[Tokens]], coarse: Tokens) -> list[list[Tokens]]:
    """Take away the phrases that end all siblings' labels."""
    while len(siblings) > 1 and all(siblings) and len({keys(phrases[-1]) for phrases in siblings}) == 1:
        if not stems(siblings[0][-1]):
            # A particle is the coarse concept's where it directly follows that ("piked salto forward off").
            heads = [phrases[0] for phrases in siblings if has_head(phrases) and len(phrases) == 2]
            if not any(head[-1].stem in stems(coarse) for head in heads):
                break
        siblings = [phrases[:-1] for phrases in siblings]
    return siblings


def _own_words(phrase: Tokens, concept: Counter[str]) -> Tokens:
    """The words of a head phrase that the concept lacks; `concept` loses those that go."""
    own: Tokens = []
    articles: Tokens = []
    counts = False
    for token in phrase:
        if token.is_article:
            articles.append(token)
            continue
        if not counts and concept[token.stem] > 0:
            concept[token.stem] -= 1
        else:
            # What follows a number is what it counts: "1.5 turn" and not "1.5".
            counts = counts or token.is_number
            own += [*articles, token]
        articles = []
    return own
