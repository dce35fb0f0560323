"""Category splitting: refine one coarse category of a trained video classifier by editing its linear head."""

from typing import TYPE_CHECKING

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
