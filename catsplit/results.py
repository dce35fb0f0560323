"""The table of a sweep, and the file that it grows in: one line for each edit that was scored."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from catsplit.errors import CatsplitError
from catsplit.metrics import Scores, calibration_error
from catsplit.paths import atomic_path, cache_dir, writable

# What a line is of; no two lines agree in all of these.
IDENTITY = ("benchmark", "part", "wording", "encoder", "coarse", "method", "initial", "shots", "seed")
TEXTS = ("benchmark", "part", "wording", "encoder", "coarse", "kind", "method", "initial", "problem", "key")
WHOLE = ("k", "shots", "clips", "seed", "equivalent", "unrelated")
MEASURED = ("generality", "locality", "mean", "siblings", "stability", "calibration", "equivalent", "unrelated")
COLUMNS = (
    "benchmark", "part", "wording", "encoder", "coarse", "kind", "known", "k", "method", "initial", "shots", "clips",
    "seed", *MEASURED, "seconds", "problem", "key",
)  # fmt: skip


def measured(scores: Scores | None) -> dict[str, float]:
    """What the table holds of an edit's scores: fractions, and the numbers of clips behind them."""
    if scores is None:
        return {name: 0 if name in WHOLE else float("nan") for name in MEASURED}
    found = {name: getattr(scores, name) for name in MEASURED if name != "calibration"}
    return found | {"calibration": calibration_error(scores)}


def read(path: str | Path) -> pd.DataFrame:
    """Read the table that a sweep wrote.

    Raises:
        CatsplitError: there is no such file, or it isn't a sweep's.
    """
    try:
        table = pd.read_csv(io.StringIO(Path(path).read_text(encoding="utf-8")), dtype=str, keep_default_na=False)
    except OSError as error:
        raise CatsplitError(f"Can't read {path} ({(error.strerror or str(error)).lower()}).") from error
    except ValueError as error:
        raise CatsplitError(f"{path} isn't a table that a sweep wrote ({error}).") from error
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise CatsplitError(f'{path} isn\'t a table that a sweep wrote: it has no column "{missing[0]}".')
    try:
        # By hand, because a float must come back as it was and pandas' own way to ask for that changes.
        for name in (name for name in COLUMNS if name not in TEXTS):
            kind = int if name in WHOLE else float
            table[name] = pd.Series([kind(text or "nan") for text in table[name]], dtype=kind)
    except ValueError as error:
        raise CatsplitError(f'{path} isn\'t a table that a sweep wrote: column "{name}", {error}.') from error
    return table[list(COLUMNS)]


class Results:
    """The lines of a sweep, kept in a CSV file, if one is named, so that it can go on where it was stopped.

    Raises:
        CatsplitError: the file isn't a sweep's.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path).expanduser()
        table = read(self.path) if self.path is not None and self.path.exists() else None
        self._lines: dict[tuple, dict] = {}
        if table is not None:
            self._lines = {_identity(line): line for line in table.to_dict("records")}

    def __contains__(self, line: Mapping) -> bool:
        return _identity(line) in self._lines

    def check(self, line: Mapping) -> None:
        """Refuse a line that is there already, but of other inputs."""
        known = self._lines.get(_identity(line))
        if known is not None and known["key"] != line["key"]:
            raise CatsplitError(
                f'{self.path} holds results for "{line["coarse"]}" (part {line["part"]}, {line["method"]}) of another '
                "head, benchmark, encoder, recipe or features: name another file, or remove this one."
            )

    def add(self, lines: Sequence[Mapping]) -> None:
        """Add lines and write the file anew, whole or not at all."""
        self._lines |= {_identity(line): dict(line) for line in lines}
        if self.path is not None and lines:
            with atomic_path(self.path) as beside:
                self._table(self._lines.values()).to_csv(beside, index=False, lineterminator="\n")

    def table(self, lines: Sequence[Mapping]) -> pd.DataFrame:
        """The table of these lines, in their order."""
        return self._table([self._lines[_identity(line)] for line in lines])

    @classmethod
    @contextmanager
    def opened(cls, path: str | Path | None) -> Iterator["Results"]:
        """Read the file, and keep a second sweep from it.

        Raises:
            CatsplitError: another sweep is writing it, or it isn't a sweep's.
        """
        from filelock import FileLock, Timeout

        if path is None:
            yield cls(None)
            return
        name = hashlib.sha256(str(Path(path).expanduser().resolve()).encode()).hexdigest()[:16]
        folder = writable(cache_dir() / "sweeps")
        lock = FileLock(folder / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise CatsplitError(f"Another sweep is writing {path}: wait for it, or name another file.") from error
        with lock:
            lock.release()  # the count of the `with` statement stays
            yield cls(path)

    @staticmethod
    def _table(lines: Sequence[Mapping]) -> pd.DataFrame:
        return pd.DataFrame(list(lines), columns=list(COLUMNS)).astype(dict.fromkeys(WHOLE, "int64"))


def _identity(line: Mapping) -> tuple:
    return tuple(line[name] for name in IDENTITY)
