"""Make the shipped assets of Stage-Split again, from nothing.

    python scripts/stage/train.py classifier --part A --seed 0     # a base classifier, with its card
    python scripts/stage/train.py vision-language --seed 0         # the vision–language model, with its card
    python scripts/stage/train.py evidence                         # what one frame and shuffled frames tell, as JSON
"""

import argparse
import sys

import checkpoints
import vlm_checkpoint

from catsplit.errors import CatsplitError


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the shipped assets of Stage-Split again, from nothing.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    classifier = commands.add_parser("classifier", help="a base classifier of one part")
    classifier.add_argument("--part", required=True, help="A or B")
    classifier.add_argument("--seed", type=int, default=0)
    classifier.add_argument("--out", help="file to write (default: stage-PART-SEED.safetensors here)")
    classifier.set_defaults(run=lambda args: checkpoints.train(args.part, args.seed, args.out))
    model = commands.add_parser("vision-language", help="the small vision–language model")
    model.add_argument("--seed", type=int, default=0)
    model.add_argument("--out", help="file to write (default: stage-vlm-SEED.safetensors here)")
    model.set_defaults(run=lambda args: vlm_checkpoint.train(args.seed, args.out))
    evidence = commands.add_parser("evidence", help="what one frame and shuffled frames tell")
    evidence.add_argument("--out", default="stage-evidence.json", help="file to write (default: %(default)s)")
    evidence.set_defaults(run=lambda args: checkpoints.measure(args.out))
    args = parser.parse_args()
    try:
        print(args.run(args))
    except CatsplitError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
