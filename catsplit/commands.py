"""What the commands of `catsplit` do once their arguments are read: they call the library and print."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from catsplit.errors import CatsplitError

if TYPE_CHECKING:
    from catsplit.datasets.subjects import Subject
    from catsplit.head import Head, Rows
    from catsplit.taxonomy import Taxonomy


class _Split(NamedTuple):
    coarse: str
    subcategories: tuple[str, ...]
    modifiers: tuple[str, ...]


def stage_render(args: argparse.Namespace) -> None:
    from catsplit import stage

    made = sum(stage.prepare(name) for name in args.sets)
    print(f"{made} clips rendered, the rest was there already.")


def check(args: argparse.Namespace) -> int:
    from catsplit.datasets.check import check as checked

    report = checked(args.folder, args.videos, deep=args.deep)
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
    for subject in _subjects(args):
        features = subject.features(args.set)
        print(f"{subject.name} {subject.benchmark.part}: features {tuple(features.features.shape)}")
        for path, reason in features.skipped:
            print(f"  left out: {path}: {reason}")
        if args.left_out:
            features.write_left_out(args.left_out.replace("{part}", subject.benchmark.part))
        if features.skipped:
            print(f"{len(features.skipped):,} of {len(features.skipped) + len(features):,} clips were left out.")


def sweep(args: argparse.Namespace) -> None:
    from catsplit import sweep as sweeps
    from catsplit import text

    encode = {name: text.encoder(name) for name in args.encoders}
    for subject in _subjects(args):
        benchmark, features = subject.benchmark, subject.features("val")
        table = sweeps.sweep(
            benchmark, subject.head, features, methods=subject.methods(args.methods, features), seeds=args.seeds,
            wordings=args.wordings or subject.wordings, encode=encode, initial=args.initial,
            shots=[None if n == "all" else n for n in args.shots], training=subject.training, out=args.out,
            name=subject.name,
        )  # fmt: skip
        print(f"{subject.name} {benchmark.part}: {len(table):,} edits of {len(benchmark.splits)} categories scored.")
    print(f"Results: {args.out}. Tables of them: catsplit tables {args.out}")


def tables(args: argparse.Namespace) -> None:
    import pandas as pd

    from catsplit import results
    from catsplit.tables import text as tabletext

    found = pd.concat([results.read(path) for path in args.results], ignore_index=True)
    if args.out is None:
        print(tabletext.markdown(found, args.tables or tabletext.NAMES), end="")
        return
    for path in tabletext.write(found, args.out, args.tables or tabletext.NAMES):
        print(path)


def split(args: argparse.Namespace) -> None:
    from catsplit import text
    from catsplit.errors import choices
    from catsplit.methods import ZERO_SHOT, Ground
    from catsplit.modifiers import groups_in
    from catsplit.words.modifier_text import extract_modifiers

    if args.method not in ZERO_SHOT:
        raise CatsplitError(f'There is no method "{args.method}" ({choices(args.method, tuple(ZERO_SHOT))}).')
    head, taxonomy = _head(args.head, args.groups)
    fine = tuple(args.subcategories)
    head.split(args.coarse, [(label, head[args.coarse]) for label in fine])  # what is wrong with the labels, at once
    if args.modifiers and len(args.modifiers) != len(fine):
        raise CatsplitError(f"{len(fine)} subcategories need as many modifier texts, not {len(args.modifiers)}.")
    given = dict(zip(fine, args.modifiers or (), strict=False))
    texts = extract_modifiers(args.coarse, fine, given)
    wanted = _Split(args.coarse, fine, tuple(texts[label] for label in fine))
    groups = groups_in(head, taxonomy.groups)
    if args.coarse in taxonomy.group_of:
        group = taxonomy.group_of[args.coarse]
        print(f'Note: "{args.coarse}" is in the group "{group}", so that its own row lends modifiers, too.')
    ground = Ground(head, groups, taxonomy.modifiers, text.encoder(args.encoder), (args.seed,))
    rows = ZERO_SHOT[args.method](ground, wanted, args.seed)
    head.split(args.coarse, rows).save(args.out)
    print(_told(args.coarse, rows))
    print(f"Written: {args.out}, {len(head) - 1 + len(fine)} categories.")


def head(args: argparse.Namespace) -> None:
    from catsplit.models.checkpoints import read_head, read_labels

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


def _subjects(args: argparse.Namespace) -> list["Subject"]:
    from catsplit.datasets import subjects

    if args.benchmark == "stage":
        return [subjects.of_stage(part) for part in args.parts or "AB"]
    for option in ("videos", "model"):
        if getattr(args, option) is None:
            raise CatsplitError(f"Features of {args.benchmark} need its videos and a classifier: give --{option}.")
    names = ("videos", "model", "positions", "preset", "device", "vision_language")
    options = {name: getattr(args, name) for name in names}
    return [subjects.of_folder(args.benchmark, part, **options) for part in args.parts or "A"]
