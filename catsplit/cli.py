"""The `catsplit` command: the library's functions by name, and nothing of its own."""

import argparse
import sys
import warnings
from collections.abc import Sequence

from catsplit import commands
from catsplit.errors import CatsplitError
from catsplit.paths import check_output


def _stage(commands_of: argparse._SubParsersAction) -> None:
    stage = commands_of.add_parser("stage", help="the embedded benchmark of rendered clips")
    stage_commands = stage.add_subparsers(required=True, metavar="COMMAND")
    render = stage_commands.add_parser("render", help="render its clips into the cache folder")
    render.add_argument("sets", nargs="*", default=["val"], metavar="SET", help="val (default) and train")
    render.set_defaults(run=commands.stage_render)
    words = stage_commands.add_parser("words", help="how its words compare with the published label sets'")
    words.add_argument("folders", nargs="*", metavar="FOLDER", help="published annotations, to measure them anew")
    words.set_defaults(run=commands.stage_words)


def _split(commands_of: argparse._SubParsersAction) -> None:
    split = commands_of.add_parser(
        "split", help="split one category of a head",
        description='Split one category of a head: catsplit split head.safetensors "Pulling something" "Pulling '
        'something from left to right" "Pulling something from right to left" --groups groups.json',
    )  # fmt: skip
    split.add_argument("head", help='a file that Head.save wrote, or "stage-A" or "stage-B" of the embedded benchmark')
    split.add_argument("coarse", help="the label to split")
    split.add_argument("subcategories", nargs="+", metavar="subcategory", help="two or more new labels")
    split.add_argument("--modifiers", nargs="+", metavar="TEXT", help="one for each; drawn from the labels otherwise")
    split.add_argument("--groups", metavar="FILE", help="JSON that says which labels share a concept")
    split.add_argument("--method", default="alignment", help="of catsplit.methods.ZERO_SHOT (default: %(default)s)")
    split.add_argument("--encoder", default="minilm", help="of texts (default: %(default)s)")
    split.add_argument("--seed", type=int, default=0)
    split.add_argument("--out", default="split.safetensors", help="file to write (default: %(default)s)")
    split.set_defaults(run=commands.split)


def _head(commands_of: argparse._SubParsersAction) -> None:
    head = commands_of.add_parser("head", help="take the head out of a file of weights")
    head.add_argument("weights", help="what torch.save or safetensors wrote of a model's state_dict")
    head.add_argument("labels", help="a text file with a label a line, in the order of the model's outputs; or lines, "
                      "CSV or JSON that number them")  # fmt: skip
    head.add_argument("--layer", metavar="NAME", help="of the last layer (default: the only one with so many rows)")
    head.add_argument("--out", default="head.safetensors", metavar="FILE", help="file to write (default: %(default)s)")
    head.set_defaults(run=commands.head)


def _groups(commands_of: argparse._SubParsersAction) -> None:
    groups = commands_of.add_parser("groups", help="propose which labels of a head share a concept")
    groups.add_argument("head", help="a file that Head.save wrote")
    groups.add_argument("--out", default="groups.json", metavar="FILE", help="JSON to edit (default: %(default)s)")
    groups.set_defaults(run=commands.groups)


def _setting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--setting", metavar="FILE", help="TOML that names all of this (default: the one that the "
                        "variable CATSPLIT_SETTING names, or catsplit.toml here)")  # fmt: skip


def _benchmark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", nargs="?", help='"stage" (the embedded one), or a folder in the published layout')
    _setting(parser)
    parser.add_argument("--parts", nargs="+", metavar="PART", help="A, B (default: both of stage, A of a folder)")
    folder = parser.add_argument_group("for a folder")
    folder.add_argument("--videos", metavar="FOLDER", help="its videos, flat or nested")
    folder.add_argument("--model", help="checkpoint, or folder or name of transformers'; {part} in it is the part")
    folder.add_argument("--positions", choices=["mvd", "videomae"], help="that a checkpoint was trained with")
    folder.add_argument("--preset", metavar="VIEWS", help="ssv2, finegym (default: as large as the model takes them)")
    folder.add_argument("--leave-out-short", action="store_true", default=None, help="clips that would repeat frames")
    folder.add_argument("--device", help="where the model computes, such as cuda (default: cpu)")
    folder.add_argument("--vision-language", metavar="MODEL", help="of open_clip, for the baseline: ViT-L-14/openai")


def _check(commands_of: argparse._SubParsersAction) -> None:
    check = commands_of.add_parser("check", help="is a benchmark folder whole, and are its videos there and readable?")
    check.add_argument("folder", nargs="?", help="the folder that holds group_scheme.json")
    _setting(check)
    check.add_argument("--videos", metavar="FOLDER", help="its videos, flat or nested, whatever their endings")
    check.add_argument("--deep", action="store_true", help="decode the frames of every clip, not only its header")
    check.set_defaults(run=commands.check)


def _extract(commands_of: argparse._SubParsersAction) -> None:
    extract = commands_of.add_parser("extract", help="features of a benchmark, kept in the cache folder")
    _benchmark(extract)
    extract.add_argument("--set", default="val", choices=["val", "train"])
    extract.add_argument("--left-out", metavar="FILE", help="CSV of the clips that can't be read; {part} is the part")
    extract.set_defaults(run=commands.extract)


def _train(commands_of: argparse._SubParsersAction) -> None:
    train = commands_of.add_parser("train", help="fine-tune a base model on a benchmark part")
    train.add_argument("benchmark", help="a folder in the published layout")
    train.add_argument("--part", default="A", help="A or B (default: %(default)s)")
    train.add_argument("--videos", required=True, metavar="FOLDER", help="of the benchmark's videos")
    train.add_argument("--pretrained", required=True, help="model: OWNER/MODEL, a folder, or a checkpoint file")
    train.add_argument("--positions", choices=["mvd", "videomae"], help="whose checkpoint file it is")
    train.add_argument("--out", required=True, metavar="FOLDER", help="to write; a stopped training goes on from it")
    train.add_argument("--epochs", type=int, default=40, help="(default: %(default)s)")
    train.add_argument("--batch", type=int, default=12, help="clips that a GPU takes at once (default: %(default)s)")
    train.add_argument("--accumulate", type=int, default=1, help="batches of a step (default: %(default)s)")
    train.add_argument("--min-frames", type=int, default=1, help="of a clip (default: %(default)s, all count)")
    train.add_argument("--skip", action="store_true", help="leave out clips that can't be read, and list them")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--workers", type=int, help="processes that decode, for each GPU (default: all processors)")
    train.set_defaults(run=commands.train)


def _sweep(commands_of: argparse._SubParsersAction) -> None:
    sweep = commands_of.add_parser("sweep", help="score all edits of a benchmark into one table")
    _benchmark(sweep)
    sweep.add_argument("--out", metavar="FILE", help="CSV; a sweep that was stopped goes on from it (default: as named "
                       "in the setting, or by the benchmark)")  # fmt: skip
    sweep.add_argument("--methods", nargs="+", metavar="NAME", help="of catsplit.methods (default: all but the slow)")
    sweep.add_argument("--seeds", nargs="+", type=int, help="(default: 0 1 2)")
    sweep.add_argument("--wordings", nargs="+", metavar="NAME", help="of the subcategories (default: all there are)")
    sweep.add_argument("--encoders", nargs="+", metavar="NAME", help="of texts (default: minilm)")
    sweep.add_argument("--initial", nargs="+", default=["random", "coarse", "retrieval", "alignment"], metavar="ROWS")
    sweep.add_argument("--shots", nargs="+", type=_shots, default=[1], metavar="N", help='clips, or "all"')
    sweep.set_defaults(run=commands.sweep)


def _tables(commands_of: argparse._SubParsersAction) -> None:
    tables = commands_of.add_parser("tables", help="the paper's tables from the results of sweeps")
    tables.add_argument(
        "files", nargs="*", metavar="FILE", help="CSV files that sweeps wrote (default: the setting's)",
    )
    _setting(tables)
    tables.add_argument("--tables", nargs="+", metavar="NAME", help="some of them (default: all that can be made)")
    tables.add_argument("--out", metavar="FOLDER", help="write Markdown, CSV and pictures there instead of printing")
    tables.set_defaults(run=commands.tables)


def _shots(text: str) -> int | str:
    return text if text == "all" else int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catsplit", description="Category splitting: edit the head, not the model.")
    commands_of = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_head, _groups, _split, _check, _train, _extract, _sweep, _tables, _stage):
        add(commands_of)
    return parser


def _warn(message: Warning, category: type[Warning], *where: object, **more: object) -> None:
    """A warning as one line, without the line of code that it comes from."""
    print(f"catsplit: {message}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of catsplit end as one sentence on standard error and exit status 1."""
    args = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            for name in ("out", "left_out"):
                if path := getattr(args, name, None):
                    folder = args.run in (commands.tables, commands.train)
                    check_output(path, f"--{name.replace('_', '-')}", folder=folder)
            return args.run(args) or 0
    except CatsplitError as error:
        print(f"catsplit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("catsplit: interrupted; what was finished is kept.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
