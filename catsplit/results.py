"""The table of a sweep, one line for each edit that was scored: the file that it grows in, means and differences."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from catsplit.errors import CatsplitError, choices, reason
from catsplit.metrics import Scores, calibration_error, interval
from catsplit.paths import atomic_path, cache_dir, writable

# What a line is of; no two lines agree in all of these.
IDENTITY = ("benchmark", "part", "wording", "encoder", "coarse", "method", "initial", "shots", "seed")
SPLIT = ("benchmark", "part", "coarse")
VARIED = ("wording", "encoder", "method", "initial", "shots")
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
        raise CatsplitError(f"Can't read {path} ({reason(error)}).") from error
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


def means(
    results: pd.DataFrame, by: str | Sequence[str] = "method", rate: str | Sequence[str] = "generality"
) -> pd.DataFrame:
    """Means over the splits, in percent, with their 95 % intervals: a line for each group of a sweep's lines.

    The seeds of a split are averaged first; the interval is `metrics.interval`'s, a bootstrap over the splits. Edits
    that couldn't be made are in no mean.

    Args:
        results: lines as `sweep` and `read` give them, or some of them.
        by: columns; a group is of the lines that agree in them.
        rate: a column of fractions, or several, whose lines stand below one another under a column `rate`.

    Returns:
        Columns of `by`, mean, low, high, and n, the number of splits. A group of which no edit could be made has
        NaN and n = 0.

    Raises:
        CatsplitError: there are no lines, or no such column; or lines of one split and group differ in more than
            their seed, so that a mean would say nothing.
    """
    by, rates = _listed(by), _listed(rate)
    return _bands(_per_split(results, by, rates), by, rates, several=not isinstance(rate, str))


def gaps(
    results: pd.DataFrame,
    method: str | Mapping[str, object],
    against: str | Mapping[str, object],
    by: str | Sequence[str] = (),
    rate: str | Sequence[str] = "generality",
) -> pd.DataFrame:
    """What one method gains over another on the same splits: mean differences in points, with 95 % intervals.

    Args:
        results: lines as `sweep` and `read` give them.
        method: a method's name, or what its lines have in some columns, such as
            `{"method": "new rows", "initial": "alignment", "shots": 1}`.
        against: the other, likewise. Lines are paired that agree in benchmark, part, coarse category, wording,
            encoder where both have one, and the columns of `by`, but for columns that `method` or `against` gives a
            value: one of `{"method": "copies", "wording": "exact"}` stands against every wording.
        by: columns; a difference is given for each group of lines that agree in them. None is one for all.
        rate: as for `means`.

    Returns:
        Columns of `by`, mean, low, high, and n, the number of pairs; NaN and 0 where there are none.

    Raises:
        CatsplitError: as for `means`, or nothing is called so.
    """
    by, rates = _listed(by), _listed(rate)
    mine, theirs = ({"method": named} if isinstance(named, str) else dict(named) for named in (method, against))
    one, other = _lines_of(results, mine), _lines_of(results, theirs)
    shared = [name for name in dict.fromkeys((*by, *SPLIT, "wording", "encoder")) if name not in {*mine, *theirs}]
    on = [name for name in shared if name in results and (one[name] != "").any() and (other[name] != "").any()]
    pairs = _per_split(one, by, rates).merge(
        _per_split(other, on, rates)[[*on, *rates]], on=on, how="left", suffixes=("", " against")
    )
    for name in rates:
        pairs[name] -= pairs[f"{name} against"]
    return _bands(pairs, by, rates, several=not isinstance(rate, str))


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _lines_of(results: pd.DataFrame, named: Mapping[str, object]) -> pd.DataFrame:
    for column, value in named.items():
        _check_columns(results, [column])
        if value not in (known := results[column].unique().tolist()):
            raise CatsplitError(f'The results have no {column} "{value}" ({choices(value, list(map(str, known)))}).')
        results = results[results[column] == value]
    return results


def _check_columns(results: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in results:
            raise CatsplitError(f'The results have no column "{name}" ({choices(name, list(results.columns))}).')


def _per_split(results: pd.DataFrame, by: Sequence[str], rates: Sequence[str]) -> pd.DataFrame:
    """Means over the seeds of each split, in percent: columns of `by`, `SPLIT`, `VARIED`, and the rates."""
    if results.empty:
        raise CatsplitError("There are no results to take means of.")
    _check_columns(results, [*by, "coarse", *rates])
    keys = [name for name in dict.fromkeys((*by, *SPLIT)) if name in results]
    varied = [name for name in VARIED if name in results and name not in keys]
    for name, counts in results.groupby(keys, dropna=False)[varied].nunique().items():
        if (counts > 1).any():
            found = ", ".join(map(str, results[name].unique()))
            raise CatsplitError(
                f'A mean over lines that differ in their {name} ({found}) says nothing: put "{name}" into `by`, or '
                "choose one."
            )
    return results.groupby([*keys, *varied], sort=False, dropna=False)[list(rates)].mean().mul(100).reset_index()


def _bands(splits: pd.DataFrame, by: list[str], rates: Sequence[str], several: bool) -> pd.DataFrame:
    lines = []
    order = [name for name in SPLIT if name in splits]
    for keys, own in splits.groupby(by, sort=False, dropna=False) if by else [((), splits)]:
        for name in rates:
            # Sorted, so that the draws of the bootstrap don't depend on the order of the sweep.
            values = own.sort_values(order)[name].dropna()
            band = interval(values) if len(values) else (float("nan"),) * 3
            lines.append((*keys, *([name] if several else []), *band, len(values)))
    return pd.DataFrame(lines, columns=[*by, *(["rate"] if several else []), "mean", "low", "high", "n"])
