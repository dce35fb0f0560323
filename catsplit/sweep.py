"""Splits × methods × seeds, and wordings, text encoders and shots where asked for: one tidy table.

The old logits are computed once for all edits, the alignment is fitted once for all splits and seeds, and each
split costs its new columns only. The protocol is that of `catsplit.metrics`.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from catsplit import methods as known
from catsplit import sweepinputs as inputs
from catsplit.errors import CatsplitError, HeadError
from catsplit.evaluator import Evaluator
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.lowshot import ALL
from catsplit.methods import Ground, Method
from catsplit.metrics import Scores, as_features, evaluate, targets_of
from catsplit.results import Results, measured
from catsplit.shots import Source, TrainingClips, checked_shots, warn_of
from catsplit.text import Encode
from catsplit.training.recipe import PUBLISHED, Recipe

if TYPE_CHECKING:
    import pandas as pd

    from catsplit.benchmark import Benchmark
    from catsplit.modifiers import Split

Line = dict[str, Any]
TOGETHER = 2**24  # numbers in the heads of all runs that learn side by side


def sweep(
    benchmark: "Benchmark",
    head: Head,
    features: FeatureSet,
    *,
    methods: Sequence[str] | Mapping[str, Method | None] = tuple(known.ZERO_SHOT),
    seeds: Sequence[int] = (0, 1, 2),
    wordings: Sequence[str] | None = None,
    encode: Encode | Mapping[str, Encode] | None = None,
    initial: Sequence[str] = ("coarse", "alignment"),
    shots: Sequence[int | None] = (1,),
    training: Source | None = None,
    recipe: Recipe = PUBLISHED,
    out: str | None = None,
    name: str | None = None,
    progress: bool = True,
) -> "pd.DataFrame":
    """Score the edits of all splits of one part of a benchmark by all methods.

    Args:
        head: the base classifier's head; its labels are the part's, in their order.
        features: of the validation clips.
        methods: names of `methods.ZERO_SHOT`; "oracle"; "new rows" and "whole head", which learn from clips. Or
            {name: function} with functions of one's own, such as `vlm.method`, and None for those known by name.
            When a file is continued, a function is known by its name alone. One that learns from clips says so by
            attributes `initial` and `shots`, as the columns have them.
        wordings: of the subcategories; the benchmark's own by default.
        encode: one text encoder, or {name: encoder}; all-MiniLM-L6-v2 by default.
        initial: rows that low-shot methods begin with, of `methods.INITIAL`.
        shots: clips of each subcategory that low-shot methods learn from; None is all of them, a fifth of which
            then decides when to stop.
        training: features of training clips, or a function from names to features, for methods that learn.
        out: CSV file, written anew after each split; what it holds is not done again. Splits that learn from a few
            clips learn together, before the first of them is written down.
        name: of the benchmark in the table; the folder's, and for Stage-Split one that says that it is synthetic.
        progress: show a bar, in a terminal or notebook.

    Returns:
        A line for each edit, columns `results.COLUMNS`: rates are fractions; `known` is the share of the split's
        modifiers that the dictionary holds word for word in the exact wording; `shots` is 0 for zero-shot methods
        and -1 for all training clips, `clips` their number; `seconds` went into the rows, fits that all splits
        share apart. An edit that can't be made has no scores, and says why in `problem`.

    Raises:
        CatsplitError: the head's labels aren't the benchmark's; clips without features; an unknown name; no
            training features for methods that learn; a file that holds results of other inputs.
    """
    made = known.find(methods)
    learn = tuple(method for method in methods if method in known.LOW_SHOT)
    shots = checked_shots(shots) if learn else ()
    seeds = inputs.distinct("seeds", seeds)
    for start in inputs.distinct("initial", initial) if learn else ():
        if start not in known.INITIAL:
            raise CatsplitError(f'There are no initial rows "{start}" ({known.choices(start, tuple(known.INITIAL))}).')
    inputs.check_labels(benchmark, head)
    opened = {wording: inputs.reopened(benchmark, wording) for wording in wordings or (benchmark.wording,)}
    clips = TrainingClips(benchmark, head, training)
    skipped = [path for path, _ in features.skipped]
    targets = {
        split.coarse: targets_of(
            features.paths, benchmark.equivalent_set(split.coarse), benchmark.unrelated_set(split.coarse), skipped
        )
        for split in benchmark.splits
    }
    grounds = {
        encoder: Ground(
            head,
            benchmark.taxonomy.untouched_groups(benchmark.part),
            benchmark.taxonomy.modifiers,
            function,
            seeds,
            as_features(head, features.features),
            lambda split: targets[split.coarse],
            clips.everything if clips else None,
        )
        for encoder, function in inputs.encoders(encode).items()
    }
    cells = [(method, *_nature(made[method]), seed) for method in made for seed in seeds]
    cells += [(method, start, n, seed) for method in learn for start in initial for n in shots for seed in seeds]
    plan: list[Line] = []
    classifier = inputs.inputs_digest(head, features)
    for number, base in enumerate(benchmark.splits):
        for wording, words in opened.items():
            split = words.splits[number]
            for encoder, ground in grounds.items():
                common = {
                    "benchmark": name or inputs.name_of(benchmark), "part": benchmark.part, "wording": wording,
                    "encoder": encoder, "coarse": base.coarse, "kind": base.kind or "",
                    "known": inputs.known_share(ground, benchmark, base), "k": len(base.subcategories), "split": split,
                }  # fmt: skip
                key = [classifier, inputs.texts_digest(ground, split), targets[base.coarse].numpy().tobytes()]
                keys = {False: inputs.hash_of(key)}
                if any(cell[2] for cell in cells):
                    keys[True] = inputs.hash_of([*key, repr(recipe), json.dumps(clips.clips_of(base.coarse)[0])])
                fields = ("method", "initial", "shots", "seed")
                plan += [common | dict(zip(fields, c, strict=True)) | {"key": keys[c[2] != 0]} for c in cells]
    with Results.opened(out) as results:
        for line in plan:
            results.check(line)
        todo = [line for line in plan if line not in results]
        if todo:
            _run(todo, made, grounds, targets, clips, recipe, results, progress)
    table = results.table(plan)
    warn_of([problem for problem in table["problem"] if problem])
    return table


def _run(
    todo: list[Line],
    made: Mapping[str, Method],
    grounds: Mapping[str, Ground],
    targets: Mapping[str, torch.Tensor],
    clips: TrainingClips,
    recipe: Recipe,
    results: Results,
    progress: bool,
) -> None:
    """Score the lines, split by split, and write each split's down."""
    from tqdm.auto import tqdm

    learned = [line for line in todo if line["method"] in known.LOW_SHOT]
    oracle = any(line["method"] == known.ORACLE for line in todo)
    if learned or oracle:
        clips.fetch(dict.fromkeys((line["split"], line["shots"], line["seed"]) for line in learned), oracle)
    for fit in ("alignment", "ridge"):
        for encoder in {line["encoder"] for line in todo if fit in (line["method"], line["initial"])}:
            getattr(grounds[encoder], fit)  # before anything is timed
    ground = next(iter(grounds.values()))
    evaluator = Evaluator(ground.head, ground.features)
    groups: dict[str, dict[Split, list[Line]]] = {}
    for line in todo:
        groups.setdefault(line["coarse"], {}).setdefault(line["split"], []).append(line)
    fits: dict[Split, list[tuple[Line, Rows | Head]]] = {}
    # Splits that learn from few clips learn side by side, as many as memory is meant for; else one by one.
    runs = Counter(line["coarse"] for line in learned).most_common(1)
    together = TOGETHER // (runs[0][1] * ground.head.weight.numel()) if runs else 1
    together = 1 if any(line["shots"] == ALL for line in learned) else max(1, together)
    for number, (coarse, lines_of) in enumerate(
        tqdm(groups.items(), desc="Splits", unit="split", disable=None if progress else True)
    ):
        if number % together == 0:
            block = [lines for ahead in list(groups.values())[number : number + together] for lines in ahead.values()]
            fits = _learned(
                [line for lines in block for line in lines if line["method"] not in made], grounds, clips, recipe
            )
        done: list[Line] = []
        for split, lines in lines_of.items():
            edits = [_made(line, made[line["method"]], grounds, clips) for line in lines if line["method"] in made]
            done += _scored(edits + fits.get(split, []), ground, evaluator, targets[coarse])
        results.add(done)


def _made(
    line: Line, method: Method, grounds: Mapping[str, Ground], clips: TrainingClips
) -> tuple[Line, Rows | Head | Scores | None]:
    start, problem, edit = time.perf_counter(), "", None
    try:
        edit = method(grounds[line["encoder"]], line["split"], line["seed"])
    except HeadError as error:
        # More siblings than a dictionary can serve, for one: the other splits go on, and the table says so.
        problem = str(error)
    count = len(clips.clips_of(line["coarse"])[0]) if line["shots"] == ALL else line["shots"] * line["k"]
    return line | {"clips": count, "seconds": time.perf_counter() - start, "problem": problem}, edit


def _learned(
    lines: list[Line], grounds: Mapping[str, Ground], clips: TrainingClips, recipe: Recipe
) -> "dict[Split, list[tuple[Line, Rows | Head]]]":
    found: dict[Split, list[tuple[Line, Rows | Head]]] = {}
    for learn in dict.fromkeys(line["method"] for line in lines):
        mine: dict[Split, list[Line]] = {}
        start = time.perf_counter()
        for line in lines:
            if line["method"] == learn:
                mine.setdefault(line["split"], []).append(line)
        jobs = []
        for split, own in mine.items():
            rows = [known.INITIAL[line["initial"]](grounds[line["encoder"]], split, line["seed"]) for line in own]
            jobs.append((split, [(first, one["shots"], one["seed"]) for first, one in zip(rows, own, strict=True)]))
        fits = clips.finetune_splits(jobs, learn, recipe)
        # They learn side by side, so that each has its share of the time.
        seconds = (time.perf_counter() - start) / sum(map(len, fits))
        for (split, own), ended in zip(mine.items(), fits, strict=True):
            for line, (fit, count) in zip(own, ended, strict=True):
                edit = fit.head if learn == "whole head" else fit.rows
                found.setdefault(split, []).append((line | {"clips": count, "seconds": seconds, "problem": ""}, edit))
    return found


def _scored(
    edits: list[tuple[Line, Rows | Head | Scores | None]], ground: Ground, evaluator: Evaluator, targets: torch.Tensor
) -> list[Line]:
    fast = [i for i, (_, edit) in enumerate(edits) if isinstance(edit, Rows)]
    heads = [ground.head.split(edits[i][0]["coarse"], edits[i][1]) for i in fast]
    scores = dict(zip(fast, evaluator.score(heads, targets), strict=True))
    lines = []
    for i, (line, edit) in enumerate(edits):
        if isinstance(edit, Head):
            edit = evaluate(ground.head, edit, ground.features, targets)
        lines.append(line | measured(scores.get(i, edit)))
    return lines


def _nature(method: Method) -> tuple[str, int]:
    """Initial rows and shots of a method: a zero-shot method has neither, and others say them."""
    return getattr(method, "initial", ""), getattr(method, "shots", 0)
