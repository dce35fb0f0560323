"""Settings × splits × methods × seeds, and wordings, text encoders and shots where asked for: one tidy table.

The old logits are computed once for all edits, the alignment is fitted once for all splits and seeds, and each
split costs its new columns only. The protocol is that of `catsplit.metrics`.
"""

import hashlib
import json
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catsplit import methods as known
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError, HeadError, choices
from catsplit.evaluator import Evaluator
from catsplit.head import Head, Rows
from catsplit.methods import Method
from catsplit.metrics import evaluate
from catsplit.recipe import PUBLISHED, Recipe
from catsplit.results import Results, measured
from catsplit.samples import ALL
from catsplit.setting import Setting
from catsplit.shots import checked_shots
from catsplit.text import Encode, embed

if TYPE_CHECKING:
    import pandas as pd

# An edit to make and score: its columns in the table, and the `split` and the `setting` that it is made from.
Line = dict[str, Any]
TOGETHER = 2**24  # numbers in the heads of all runs that learn side by side


def sweep(
    settings: Setting | Sequence[Setting] | Mapping[str, Setting],
    methods: Sequence[str] | Mapping[str, Method | None] = tuple(known.ZERO_SHOT),
    *,
    seeds: Sequence[int] | None = None,
    wordings: Sequence[str] | None = None,
    encode: Encode | Mapping[str, Encode] | None = None,
    initial: Sequence[str] = ("coarse", "alignment"),
    shots: Sequence[int | None] = (1,),
    recipe: Recipe = PUBLISHED,
    out: str | None = None,
    progress: bool = True,
) -> "pd.DataFrame":
    """Score the edits of all splits of one setting, or of several, by all methods.

    Args:
        methods: names of `methods.ZERO_SHOT`, of `methods.OTHERS` such as "oracle", and "new rows" and "whole head",
            which learn from clips. Or {name: function} with functions of one's own, and None for those known by name.
            When a file is continued, a function is known by its name alone. One that learns from clips says so by
            attributes `initial` and `shots`, as the columns have them.
        seeds: the settings' own by default.
        wordings: of the subcategories; the benchmark's own by default.
        encode: one text encoder, or {name: encoder}; the settings' own by default.
        initial: rows that low-shot methods begin with, of `methods.INITIAL`.
        shots: clips of each subcategory that low-shot methods learn from; None is all of them, a fifth of which
            then decides when to stop.
        recipe: of low-shot fine-tuning.
        out: CSV file, written anew after each split; what it holds is not done again. Splits that learn from a few
            clips learn together, before the first of them is written down.
        progress: show a bar, in a terminal or notebook.

    Returns:
        A line for each edit, columns `results.COLUMNS`: rates are fractions; `known` is the share of the split's
        modifiers that the dictionary holds word for word in the exact wording; `shots` is 0 for zero-shot methods
        and -1 for all training clips, `clips` their number; `seconds` went into the rows, fits that all splits
        share apart. An edit that can't be made has no scores, and says why in `problem`.

    Raises:
        CatsplitError: clips without features; an unknown name; a method that a setting can't have; no training
            features for methods that learn; a file that holds results of other inputs.
    """
    made, learn = known.find(methods)
    if isinstance(settings, Mapping):
        settings = list(settings.values())
    settings = [settings] if isinstance(settings, Setting) else settings
    shots = checked_shots(shots) if learn else ()
    for start in _distinct("initial", initial) if learn else ():
        if start not in known.INITIAL:
            raise CatsplitError(f'There are no initial rows "{start}" ({choices(start, tuple(known.INITIAL))}).')
    plans = []
    for setting in settings:
        own = _distinct("seeds", setting.seeds if seeds is None else seeds)
        cells = [(method, *_nature(made[method]), seed) for method in made for seed in own]
        cells += [(method, start, n, seed) for method in learn for start in initial for n in shots for seed in own]
        plans.append(_planned(setting, cells, own, wordings or (setting.benchmark.wording,), encode, recipe))
    with Results.opened(out) as results:
        for line in (line for plan in plans for line in plan):
            results.check(line)
        for setting, plan in zip(settings, plans, strict=True):
            if todo := [line for line in plan if line not in results]:
                _run(setting, todo, made, recipe, results, progress)
    table = results.table([line for plan in plans for line in plan])
    if problems := [problem for problem in table["problem"] if problem]:
        warnings.warn(
            f"{len(problems)} edits can't be made and have no scores; the column `problem` says why: {problems[0]}",
            stacklevel=2,
        )
    return table


def _planned(
    setting: Setting,
    cells: Sequence[tuple[str, str, int, int]],
    seeds: tuple[int, ...],
    wordings: Sequence[str],
    encode: Encode | Mapping[str, Encode] | None,
    recipe: Recipe,
) -> list[Line]:
    """All lines of a setting, in the table's order; the seeds' networks are fitted for all of them at once."""
    _ = setting.features, setting.training_clips  # made once, for the settings of all encoders
    seeds = setting.seeds if set(seeds) <= set(setting.seeds) else seeds
    encoders = encode if isinstance(encode, Mapping) else {_name_of(encode or setting.encode): encode or setting.encode}
    _distinct("encoders", encoders)
    readers = {name: setting.replace(encode=function, seeds=seeds) for name, function in encoders.items()}
    if encode is None and seeds == setting.seeds:
        readers = dict.fromkeys(readers, setting)  # whose alignment may be fitted already
    opened = {wording: setting.worded(wording) for wording in wordings}
    keys = {}
    for wording, benchmark in opened.items():
        for encoder, reader in readers.items():
            key = _digest(reader, benchmark)
            learned = [repr(recipe), *(setting.training_clips.listed(split.coarse)[0] for split in setting.splits)]
            keys[wording, encoder] = key, _hash([key, json.dumps(learned)]), _hash([key, setting.sees])
    plan: list[Line] = []
    for number, split in enumerate(setting.splits):
        fine = setting.benchmark.taxonomy.groups[split.coarse]
        known_words = set(setting.dictionary.modifiers)
        common = {
            "benchmark": setting.name, "part": setting.part, "coarse": split.coarse, "kind": split.kind or "",
            "known": float(np.mean([setting.modifiers[label] in known_words for label in fine])), "k": len(fine),
        }  # fmt: skip
        for (wording, encoder), (key, learned, seen) in keys.items():
            here = {"wording": wording, "encoder": encoder, "split": opened[wording].splits[number]}
            for method, start, n, seed in cells:
                cell = {"method": method, "initial": start, "shots": n, "seed": seed, "setting": readers[encoder]}
                cell["key"] = learned if n else seen if method == known.VISION_LANGUAGE else key
                plan.append(common | here | cell)
    return plan


def _run(
    setting: Setting,
    todo: list[Line],
    made: Mapping[str, Method],
    recipe: Recipe,
    results: Results,
    progress: bool,
) -> None:
    """Score the lines, split by split, and write each split's down."""
    from tqdm.auto import tqdm

    learned = [line for line in todo if line["method"] not in made]
    everything = any(line["method"] == known.ORACLE for line in todo)
    for line in todo:
        method = made.get(line["method"]) or known.INITIAL[line["initial"]]
        if needed := getattr(method, "needs", ""):
            getattr(line["setting"], needed)  # before anything is timed, and before what takes longer
    if learned or everything:
        draws = dict.fromkeys((line["split"], line["shots"], line["seed"]) for line in learned)
        setting.training_clips.fetch(draws, everything)
    evaluator = Evaluator(setting.head, setting.features)
    groups: dict[str, list[Line]] = {}
    for line in todo:
        groups.setdefault(line["coarse"], []).append(line)
    # Splits that learn from few clips learn side by side, as many as memory is meant for; else one by one.
    runs = max(Counter(line["coarse"] for line in learned).values(), default=1)
    few = all(line["shots"] != ALL for line in learned)
    together = max(1, TOGETHER // (runs * setting.head.weight.numel())) if few else 1
    names = list(groups)
    for number, lines in enumerate(
        tqdm(groups.values(), desc="Splits", unit="split", disable=None if progress else True)
    ):
        if number % together == 0:
            ahead = names[number : number + together]
            _learn([line for line in learned if line["coarse"] in ahead], setting, recipe)
        for line in lines:
            if line["method"] in made:
                _make(line, made[line["method"]])
        _score(lines, setting, evaluator)
        results.add(lines)


def _make(line: Line, method: Method) -> None:
    """Make the edit of one line. One that can't be made is no reason to stop: the table says what is wrong with it."""
    setting, split, start = line["setting"], line["split"], time.perf_counter()
    line |= {"edit": None, "problem": ""}
    try:
        line["edit"] = method(setting, split, line["seed"])
    except HeadError as error:
        line["problem"] = str(error)
    count = setting.training_clips.count(split.coarse) if line["shots"] == ALL else line["shots"] * line["k"]
    line |= {"clips": count, "seconds": time.perf_counter() - start}


def _learn(lines: list[Line], setting: Setting, recipe: Recipe) -> None:
    """Make the edits of lines whose methods learn side by side, each with its share of the time."""
    for method in dict.fromkeys(line["method"] for line in lines):
        start, mine = time.perf_counter(), [line for line in lines if line["method"] == method]
        for line in mine:
            _make(line, known.INITIAL[line["initial"]])
        begun = [line for line in mine if not line["problem"]]
        asked = [(line["split"], line["edit"], line["shots"], line["seed"]) for line in begun]
        for line, fit in zip(begun, setting.training_clips.learn(asked, method, recipe), strict=True):
            line |= {"edit": fit.head if method == "whole head" else fit.rows, "clips": fit.clips}
        for line in mine:
            line["seconds"] = (time.perf_counter() - start) / len(mine)


def _score(lines: list[Line], setting: Setting, evaluator: Evaluator) -> None:
    """Score the edits of one category; those that changed its rows only are scored together."""
    fast, targets = {}, setting.targets(lines[0]["coarse"])
    for line in lines:
        edit = line.pop("edit")
        if isinstance(edit, Head):
            edit = evaluate(setting.head, edit, setting.features, targets)
        if isinstance(edit, Rows):
            try:
                head = setting.head.split(line["coarse"], edit)
                fast.setdefault(line["split"], []).append((line, head))
            except HeadError as error:
                line["problem"], edit = str(error), None
        if not isinstance(edit, Rows):
            line |= measured(edit)
    jobs = [([head for _, head in edits], targets) for edits in fast.values()]
    for edits, scored in zip(fast.values(), evaluator.score_splits(jobs), strict=True):
        for (line, _), scores in zip(edits, scored, strict=True):
            line |= measured(scores)


def _nature(method: Method) -> tuple[str, int]:
    """Initial rows and shots of a method: a zero-shot method has neither, and others say them."""
    return getattr(method, "initial", ""), getattr(method, "shots", 0)


def _name_of(encode: Encode) -> str:
    return getattr(encode, "name", None) or getattr(encode, "__name__", "own")


def _distinct(what: str, values: Sequence) -> tuple:
    values = tuple(values)
    if not values or len(set(values)) < len(values):
        raise CatsplitError(f"A sweep needs one or more different {what}, not {values}.")
    return values


def _digest(setting: Setting, benchmark: Benchmark) -> str:
    """A short digest of all that the scores of a setting hang on, so that a change of it is noticed."""
    head, features, splits = setting.head, setting.features, benchmark.splits
    reads = getattr(setting.encode, "key", None)
    if reads is None:
        texts = [text for split in splits for text in (*split.subcategories, *split.modifiers)]
        reads = embed(setting.encode, texts).numpy().tobytes().hex()
    groups = {group: list(labels) for group, labels in setting.groups.items()}
    asked = [(split.subcategories, split.modifiers) for split in splits]
    words = [head.labels, features.paths, groups, dict(setting.modifiers), asked]
    numbers = [head.weight, head.bias, *(setting.targets(split) for split in splits)]
    return _hash([json.dumps(words), reads, *(one.numpy().tobytes() for one in numbers), features.features.tobytes()])


def _hash(parts: Sequence[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:16]
