"""Labels in a file as people have them: lines, numbered lines, tables, and JSON of either direction."""

import csv
import json
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catsplit.errors import HeadError
from catsplit.files import read_text

Pairs = list[tuple[str, str]]  # (number, label) as they stand in the file


def read_labels(path: str | Path) -> list[str]:
    """Labels in the order of a model's outputs.

    The file may hold one label a line; lines or a table with a number beside each label, from 0 or from 1 and in any
    order; or JSON: a list, {label: number}, {number: label}, or a configuration with such an `id2label`.

    Raises:
        HeadError: the file is missing or isn't text; a line but the last is empty; JSON or a table with other numbers.
    """
    path = Path(path)
    try:
        text = read_text(path).rstrip()
    except (OSError, ValueError) as error:
        raise HeadError(f"{path} must be a text file with one label a line, but it can't be read ({error}).") from error
    if text.startswith(("{", "[")):
        try:
            return of_json(json.loads(text), path)
        except (json.JSONDecodeError, RecursionError) as error:
            if path.suffix.lower() == ".json":
                raise HeadError(f"{path} isn't valid JSON: {error}.") from error
    lines = [line.strip() for line in text.split("\n")]
    if not all(lines):
        raise HeadError(f"{path} must have one label a line, but line {lines.index('') + 1} is empty.")
    for pairs in _numbered(lines):
        if (first := _first(pairs)) is not None:
            warnings.warn(f"{path} numbers its rows from {first}: labels are without the numbers.", stacklevel=2)
            return [label for _, label in sorted(pairs, key=lambda pair: int(pair[0]))]
    if re.fullmatch(r'"?\w*(id|index|number|row)"?[,;\t].*|.*[,;\t]"?\w*(id|index|number|row)"?', lines[0], re.I):
        raise HeadError(
            f"{path} must number its {len(lines) - 1} labels from 0 or from 1, each once, in two columns: id,name."
        )
    return lines


def of_json(content: Any, path: Path) -> list[str]:
    """The labels in what was read from JSON.

    Raises:
        HeadError: it is neither a list of labels, nor numbers them from 0 or 1, each once.
    """
    if isinstance(content, dict):
        content = next((content[key] for key in ("id2label", "label2id") if key in content), content)
    if isinstance(content, list) and content and all(isinstance(item, str) for item in content):
        return content
    entries = content.items() if isinstance(content, dict) else ()
    if isinstance(content, list) and all(isinstance(item, dict) and len(item) == 2 for item in content):
        entries = (item.values() for item in content)
    rows = [tuple(str(x) for x in entry) for entry in entries if not any(isinstance(x, (dict, list)) for x in entry)]
    for pairs in (rows, [(number, label) for label, number in rows]):
        if _first(pairs) is not None and len(pairs) == len(content):
            return [label for _, label in sorted(pairs, key=lambda pair: int(pair[0]))]
    raise HeadError(
        f"{path} must give its {len(content)} labels the rows 0 to {len(content) - 1}, each once: "
        '{"a label": 0, …}, {"0": "a label", …} or ["a label", …].'
    )


def _numbered(lines: list[str]) -> Iterable[Pairs]:
    """What the lines may be as pairs of number and label: all of them, or those below the head of a table."""
    for some in (lines, lines[1:]):
        for delimiter in ",;\t":
            rows = list(csv.reader(some, delimiter=delimiter, skipinitialspace=True))
            if all(len(row) == 2 for row in rows):
                yield [(row[0].strip(), row[1].strip()) for row in rows]
                yield [(row[1].strip(), row[0].strip()) for row in rows]
        if some is lines or re.search(r"[,;\t]", lines[0]):
            for pattern in (r"(?P<number>\d+)[.,:;)\s-]+(?P<label>.+)", r"(?P<label>.+?)[,:;\s]+(?P<number>\d+)"):
                if all(found := [re.fullmatch(pattern, line) for line in some]):
                    yield [(match["number"], match["label"].strip()) for match in found]


def _first(pairs: Pairs) -> int | None:
    """0 or 1, where the numbers are so many from there on, in any order, and the labels are different texts."""
    labels = {label for _, label in pairs}
    if len(labels) < len(pairs) or not all(number.isdecimal() and label.strip() for number, label in pairs):
        return None
    numbers = sorted(int(number) for number, _ in pairs)
    return next((first for first in (0, 1) if numbers and numbers == list(range(first, first + len(pairs)))), None)
