"""The `catsplit` command: the library's functions by name, and nothing of its own."""

import argparse
import sys
from collections.abc import Sequence

from catsplit.errors import CatsplitError


def _stage_render(args: argparse.Namespace) -> None:
    from catsplit import stage

    made = sum(stage.prepare(name) for name in args.sets)
    print(f"{made} clips rendered, the rest was there already.")


def _stage_train(args: argparse.Namespace) -> None:
    from catsplit.stage import checkpoints

    print(checkpoints.train(args.part, args.seed, args.out))


def _stage_evidence(args: argparse.Namespace) -> None:
    from catsplit.stage import checkpoints

    print(checkpoints.measure(args.out))


def _extract(args: argparse.Namespace) -> None:
    from catsplit import stage

    for part in stage.PARTS:
        print(f"Stage-Split {part}: features {tuple(stage.features(part, args.set).features.shape)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catsplit", description="Category splitting: edit the head, not the model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    stage = commands.add_parser("stage", help="the embedded benchmark of rendered clips")
    stage_commands = stage.add_subparsers(required=True, metavar="COMMAND")
    render = stage_commands.add_parser("render", help="render its clips into the cache folder")
    render.add_argument("sets", nargs="*", default=["val"], metavar="SET", help="val (default) and train")
    render.set_defaults(run=_stage_render)
    train = stage_commands.add_parser("train", help="train a base classifier again, from nothing")
    train.add_argument("--part", required=True, help="A or B")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--out", help="file to write (default: stage-PART-SEED.safetensors here)")
    train.set_defaults(run=_stage_train)
    evidence = stage_commands.add_parser("evidence", help="measure what one frame and shuffled frames tell")
    evidence.add_argument("--out", default="stage-evidence.json", help="file to write (default: %(default)s)")
    evidence.set_defaults(run=_stage_evidence)

    extract = commands.add_parser("extract", help="features of a benchmark, kept in the cache folder")
    extract.add_argument("benchmark", choices=["stage"])
    extract.add_argument("--set", default="val", choices=["val", "train"])
    extract.set_defaults(run=_extract)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of catsplit end as one sentence on standard error and exit status 1."""
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
    except CatsplitError as error:
        print(f"catsplit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("catsplit: interrupted; what was finished is kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
