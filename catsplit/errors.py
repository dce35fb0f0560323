"""Errors that reach the user: each is one sentence that names the thing, what was expected, and what to do."""


class CatsplitError(ValueError):
    """Bad input to catsplit. Every error of the package derives from it, so one `except` catches them all."""


class ClipError(CatsplitError):
    """A video file that can't be read as a clip of the length that the sampling needs."""


class BenchmarkError(CatsplitError):
    """A benchmark folder, part, wording or category that isn't there or contradicts itself."""


class HeadError(CatsplitError):
    """A head or a set of rows whose labels, shapes or values don't fit together."""


class CacheError(CatsplitError):
    """A cache folder that can't be written, or a cached file that is damaged and can't be made again."""
