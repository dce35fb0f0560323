"""What the commands of `catsplit` do once their arguments are read: they call the library and print."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.errors import CatsplitError, choices

if TYPE_CHECKING:
    from catsplit.head import Head, Rows
    from catsplit.setting import Setting
    from catsplit.taxonomy import Taxonomy


def stage_render(args: argparse.Namespace) -> None:
    from catsplit import stage

    made = sum(stage.prepare(name) for name in args.sets)
    print(f"{made} clips rendered, the rest was there already.")


def stage_words(args: argparse.Namespace) -> None:
    from catsplit import stage
    from catsplit.benchmark import Benchmark
    from catsplit.stage import words

    parts = {f"Stage-Split {part}, {wording}": stage.load(part, wording) for wording in stage.WORDINGS for part in "AB"}
    for folder in args.folders:
        parts |= {f"{Path(folder).name} {part}": Benchmark.open(folder, part) for part in "AB"}
    table = words.table(parts).T
    print(table.to_string(float_format=lambda value: f"{value:.2f}".rstrip("0").rstrip(".")))


def check(args: argparse.Namespace) -> int:
    from catsplit.datasets.check import check as checked

    folder, videos = args.folder, args.videos
    if folder and args.setting:
        raise CatsplitError(f"Name a folder or a setting, not both {folder} and {args.setting}.")
    if folder is None:
        from catsplit.settingfile import STAGE, named_in

        values = named_in(args.setting, {})
        if values["benchmark"] == STAGE:
            raise CatsplitError("Stage-Split makes its own clips: name the folder of a benchmark to check.")
        folder, videos = values["benchmark"], videos or values.get("videos")
    report = checked(folder, videos, deep=args.deep)
    print(report)
    return report.status


def train(args: argparse.Namespace) -> None:
    from catsplit.benchmark import Benchmark
    from catsplit.models import finetune

    benchmark = Benchmark.open(args.benchmark, args.part, args.videos)
    out = finetune.train(
        benchmark, args.pretrained, args.out, recipe=finetune.Recipe(epochs=args.epochs),
        batch=args.batch, accumulate=args.accumulate, positions=args.positions, min_frames=args.min_frames,
        on_error="skip" if args.skip else "raise", seed=args.seed, workers=args.workers,
    )  # fmt: skip
    if int(os.environ.get("RANK", 0)) == 0:
        print(f"Written: {out}, {len(benchmark.labels)} categories.")


def extract(args: argparse.Namespace) -> None:
    opened = _settings(args)
    if args.left_out and "{part}" not in args.left_out and len(opened) > 1:
        raise CatsplitError(
            f"{args.left_out} would be written for {len(opened)} parts, one over the other: put {{part}} into its name."
        )
    for part, setting in opened.items():
        features = setting.extract(args.set)
        print(f"{setting.name} {part}: features {tuple(features.features.shape)}")
        for path, reason in features.skipped:
            print(f"  left out: {path}: {reason}")
        if args.left_out:
            features.write_left_out(args.left_out.replace("{part}", part))
        if features.skipped:
            print(f"{len(features.skipped):,} of {len(features.skipped) + len(features):,} clips were left out.")
        if features.short:
            print(f"{len(features.short):,} clips have so few frames that some are repeated (see --leave-out-short).")


def sweep(args: argparse.Namespace) -> None:
    from catsplit import methods as known
    from catsplit import sweep as sweeps
    from catsplit import text

    encode = {name: text.encoder(name) for name in args.encoders} if args.encoders else None
    out = args.out or _results(args)
    for part, setting in _settings(args).items():
        usual = known.usual(setting)
        table = sweeps.sweep(
            setting, args.methods or usual, wordings=args.wordings or setting.wordings, encode=encode,
            initial=args.initial, shots=[None if n == "all" else n for n in args.shots], out=out,
        )  # fmt: skip
        print(f"{setting.name} {part}: {len(table):,} edits of {len(setting.splits)} categories scored.")
    print(f"Results: {out}. Tables of them: catsplit tables {out}")


def tables(args: argparse.Namespace) -> None:
    import pandas as pd

    from catsplit import results
    from catsplit.tables import text as tabletext

    found = pd.concat([results.read(path) for path in args.files or [_results(args)]], ignore_index=True)
    if args.out is None:
        print(tabletext.markdown(found, args.tables or tabletext.NAMES), end="")
        return
    for path in tabletext.write(found, args.out, args.tables or tabletext.NAMES):
        print(path)


def split(args: argparse.Namespace) -> None:
    from catsplit.methods import ZERO_SHOT
    from catsplit.modifiers import Split, groups_in
    from catsplit.setting import Setting
    from catsplit.text import encoder

    if args.method not in ZERO_SHOT:
        raise CatsplitError(f'There is no method "{args.method}" ({choices(args.method, tuple(ZERO_SHOT))}).')
    head, taxonomy = _head(args.head, args.groups)
    head.split(args.coarse, [(label, head[args.coarse]) for label in args.subcategories])  # wrong labels, at once
    wanted = Split.of(args.coarse, args.subcategories, args.modifiers or ())
    groups = groups_in(head, taxonomy.groups)
    if args.coarse in taxonomy.group_of:
        group = taxonomy.group_of[args.coarse]
        print(f'Note: "{args.coarse}" is in the group "{group}", so that its own row lends modifiers, too.')
    setting = Setting(
        head, groups=groups, modifiers=taxonomy.modifiers, encode=encoder(args.encoder), seeds=[args.seed]
    )
    rows = ZERO_SHOT[args.method](setting, wanted, args.seed)
    head.split(args.coarse, rows).save(args.out)
    print(_told(args.coarse, rows))
    print(f"Written: {args.out}, {len(head) - 1 + len(rows)} categories.")


def head(args: argparse.Namespace) -> None:
    from catsplit.models.checkpoints import read_head
    from catsplit.words.labelfiles import read_labels

    found = read_head(args.weights, read_labels(args.labels), args.layer)
    found.save(args.out)
    print(f"Written: {args.out}, {len(found)} categories, rows of {found.dim} numbers.")


def groups(args: argparse.Namespace) -> None:
    from catsplit.head import Head
    from catsplit.taxonomy import Taxonomy
    from catsplit.words.grouping import propose_groups

    labels = Head.load(args.head).labels
    found = propose_groups(labels)
    if not found:
        raise CatsplitError(
            f"No two of the {len(labels)} labels of {args.head} share a concept by their words: write {args.out} "
            'by hand, {"group_scheme": {"Pushing something": ["Pushing something from left to right", …], …}}.'
        )
    if Path(args.out).exists():
        raise CatsplitError(f"{args.out} is there already, perhaps edited by hand: name another file, --out FILE.")
    taxonomy = Taxonomy(found, {})
    taxonomy.save(Path(args.out))
    for concept, members in found.items():
        print(f'"{concept}"', *(f'  "{label}": modifier "{taxonomy.modifiers[label]}"' for label in members), sep="\n")
    alone = len(labels) - sum(map(len, found.values()))
    print(f"Written: {args.out}, {len(found)} groups; {alone} labels stand alone. Read and edit it.")


def _head(name: str, groups: str | None) -> tuple["Head", "Taxonomy"]:
    """A head and the grouping of its labels; "stage-A" and "stage-B" are the shipped ones."""
    from catsplit import stage
    from catsplit.head import Head
    from catsplit.taxonomy import Taxonomy

    shipped = {f"stage-{part}".lower(): part for part in stage.PARTS}
    if name.lower() in shipped:
        return stage.head(shipped[name.lower()]), Taxonomy.load(Path(groups)) if groups else stage.taxonomy()
    if groups is None:
        raise CatsplitError(
            "Say which categories share a concept: --groups FILE, with JSON "
            '{"group_scheme": {"Pushing something": ["Pushing something from left to right", …], …}}.'
        )
    return Head.load(name), Taxonomy.load(Path(groups))


def _told(coarse: str, rows: "Rows") -> str:
    lines = [f'"{coarse}" gives way to']
    for label, origin in rows.origins.items():
        source = f', from "{origin["source"]}" (similarity {origin["score"]:.2f})' if "score" in origin else ""
        lines.append(f'  "{label}": {origin["method"]}, modifier "{origin["modifier"]}"{source}')
    return "\n".join(lines)


def _settings(args: argparse.Namespace) -> dict[str, "Setting"]:
    """The settings that a command line names, by a file, by options, or by both."""
    from catsplit import settings

    return settings(args.setting, **_named(args))


def _named(args: argparse.Namespace) -> dict[str, object]:
    """What a command's options name of a setting."""
    from catsplit.settingfile import EXAMPLES

    named = {key: value for key, value in vars(args).items() if key in EXAMPLES and value is not None}
    if args.setting and "benchmark" in named:
        raise CatsplitError(f"Name a benchmark or a setting, not both {args.benchmark} and {args.setting}.")
    return named


def _results(args: argparse.Namespace) -> str:
    """Where a setting keeps its results: the file that it names, or one of the benchmark's name."""
    from catsplit.settingfile import named_in

    values = named_in(args.setting, _named(args))
    return values.get("results") or f"{Path(values['benchmark']).name}.csv"
