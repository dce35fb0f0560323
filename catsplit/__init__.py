"""Category splitting: refine one coarse category of a trained video classifier by editing its linear head."""

import os
from typing import TYPE_CHECKING

# Threads that wait in a spin take the processor from those they wait for, as soon as anything else is running: the
# first command took 50 s of processor time and not 8. It has a say only before PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from catsplit.setting import Setting

__version__ = "0.1.0"


def settings(file: str | None = None, **named: object) -> "dict[str, Setting]":
    """{part: setting} of Stage-Split, or of the benchmark that the reader's file names.

    The file is `file`, or the one that the variable CATSPLIT_SETTING names, or catsplit.toml in the current folder;
    see `catsplit.settingfile` for what may be in it. Values named here take the place of the file's.
    """
    from catsplit import settingfile

    return settingfile.settings(file, **named)
