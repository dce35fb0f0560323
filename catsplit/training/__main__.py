"""`python -m catsplit.training`, for torchrun."""

import sys

from catsplit.training.base import main

if __name__ == "__main__":
    sys.exit(main())
