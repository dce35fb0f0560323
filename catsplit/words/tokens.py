"""Labels as words: tokens, phrases, and which English words are function words."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_ARTICLES = frozenset("a an the".split())
# Words that begin a clause of its own, so that what stands before them can go without tearing a sentence.
CLAUSE = frozenset("and or but nor so because until while when as if then without".split())
_CONJUNCTIONS = CLAUSE | frozenset("that which who than".split())
_FUNCTION_WORDS = _CONJUNCTIONS | frozenset(
    """about above across after against along among around at away back before behind below beneath beside
    between beyond by down during for from in inside into like near of off on onto out outside over past per
    through throughout to toward towards under underneath up upon via with within am are be been being is was
    were can cannot could did do does doesn't don't had has have may might must not will
    its his her their your my our already almost also just only still""".split()
)
_PLACEHOLDERS = _ARTICLES | frozenset("and or something someone somebody somewhere thing things".split())
# A bracketed gloss is one token, so that nothing inside it is ever taken away by itself.
_TOKEN = re.compile(r"\((?:[^()]|\([^()]*\))*\)|\[[^][]*\]|[^\W_]+(?:['’./-][^\W_]+)*|[^\w\s]")
# Names without a space, such as "PlayingGuitar", "shoot_ball" or "put-down", are cut where their parts meet.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\w\s_-]")
_NUMBER = re.compile(r"\d+([.,/]\d+)?")
# Porter's first step: an inflection goes, then the second of two letters that it left ("dropp"), or an "e".
_ENDINGS = ((r"(?<=...)(ing|ed|(?<!s)s)$", ""), (r"(?<=..)(.)\1$", r"\1"), (r"(?<=...)e$", ""))


class Token(NamedTuple):
    """A word, a bracketed gloss or a mark, and where in its label it stands."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        """What tokens are compared by."""
        return self.text.casefold()

    @property
    def is_mark(self) -> bool:
        return not any(map(str.isalnum, self.text))

    @property
    def is_gloss(self) -> bool:
        return len(self.text) > 1 and self.text[0] in "(["

    @property
    def is_article(self) -> bool:
        return self.key in _ARTICLES

    @property
    def is_number(self) -> bool:
        return _NUMBER.fullmatch(self.text) is not None

    @property
    def is_function(self) -> bool:
        return self.key in _FUNCTION_WORDS

    @property
    def is_content(self) -> bool:
        return not (self.is_function or self.is_mark or self.is_article)

    @property
    def stem(self) -> str:
        """The word without its ending, so that "Squeezing" and "squeeze" meet."""
        word = self.key
        for ending, instead in _ENDINGS:
            word = re.sub(ending, instead, word)
        return word


Tokens = list[Token]


def cut_all(labels: Sequence[str]) -> list[Tokens]:
    """The tokens of each label; where none of them holds a space, names are cut into their parts."""
    pattern = _TOKEN if any(re.search(r"\s", label.strip()) for label in labels) else _PART
    return [[Token(found.group(), *found.span()) for found in pattern.finditer(label)] for label in labels]


def keys(tokens: Tokens) -> tuple[str, ...]:
    return tuple(token.key for token in tokens)


def stems(tokens: Tokens) -> Counter[str]:
    """How often each content word occurs, whatever its inflection."""
    return Counter(token.stem for token in tokens if token.is_content)


def tags_of(tokens: Tokens) -> int:
    """How many bracketed tags, such as the "(FX)" of FineGym, begin a label that says more."""
    return next((n for n, token in enumerate(tokens) if not token.is_gloss), 0)


def phrases_of(tokens: Tokens) -> list[Tokens]:
    """Cut a label before each mark, and before each function word that follows a content word.

    The first phrase is the head ("stretched salto forward"); each later one begins with the function word
    that governs it ("with 1.5 turn").
    """
    phrases: list[Tokens] = []
    for token in tokens:
        current = phrases[-1] if phrases else []
        if token.is_mark:
            begins = True
        elif token.key in _CONJUNCTIONS:
            begins = any(not (other.is_mark or other.key in _CONJUNCTIONS) for other in current)
        elif token.is_function:
            begins = any(other.is_content for other in current)
        else:
            # A gloss after a later phrase explains the whole and not that phrase's last word.
            begins = len(phrases) > 1 and (token.is_gloss or current[0].is_gloss)
        if begins or not phrases:
            phrases.append([])
        phrases[-1].append(token)
    return phrases


def has_head(phrases: Sequence[Tokens]) -> bool:
    """Whether the first phrase is a head: it begins with neither a function word nor a mark."""
    return bool(phrases) and not (phrases[0][0].is_function or phrases[0][0].is_mark)


def says_something(tokens: Tokens) -> bool:
    """Whether there is a word beyond articles, "and", "or" and placeholders such as "something"."""
    return any(not token.is_mark and token.key not in _PLACEHOLDERS for token in tokens)


def text_of(tokens: Tokens) -> str:
    """Write tokens as they stand in their label, with one space where words between them went."""
    text, end = "", None
    for token in tokens:
        text += token.text if token.start == end else f" {token.text}"
        end = token.end
    text = re.sub(r"\s+(?=[,;:.!?](\s|$))", "", text)
    # A dash or a point before a digit is part of the number.
    return re.sub(r"^(\s|[,;:!?/–—]|[.-](?=\s))+|(\s|[,;:.!?/–—-])+$", "", text)
