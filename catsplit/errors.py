"""Errors that reach the user: each is one sentence that names the thing, what was expected, and what to do."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence


class CatsplitError(ValueError):
    """Bad input to catsplit. Every error of the package derives from it, so one `except` catches them all."""

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())  # the name of a clip or label may hold any character


class ClipError(CatsplitError):
    """A video file that can't be read as a clip of the length that the sampling needs."""


class BenchmarkError(CatsplitError):
    """A benchmark folder, part, wording or category that isn't there or contradicts itself."""


class HeadError(CatsplitError):
    """A head or a set of rows whose labels, shapes or values don't fit together."""


class CacheError(CatsplitError):
    """A cache folder that can't be written, or a cached file that is damaged and can't be made again."""


def choices(wrong: object, valid: Sequence[str]) -> str:
    """A phrase that helps with a wrong name: the nearest valid ones, or all of them where they are few."""
    near = difflib.get_close_matches(str(wrong), valid, n=3, cutoff=0.5)
    if near and len(valid) > 6:
        return "nearest: " + ", ".join(f'"{name}"' for name in near)
    shown = ", ".join(f'"{name}"' for name in valid[:6])
    return f"choose from: {shown}" + (f", … ({len(valid)} in all)" if len(valid) > 6 else "")


def repeated(items: Iterable[str]) -> list[str]:
    """What is there more than once, in the order in which it came first."""
    return [item for item, count in Counter(items).items() if count > 1]


def reason(error: Exception) -> str:
    """What went wrong, in one line: what the system says of a file, or the first line of what another error says."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).strip() or type(error).__name__).splitlines()[0]
