"""What a file is, told by its first bytes; and texts as people's editors write them."""

import unicodedata
import zipfile
from pathlib import Path

# First bytes, what they are of, and what to do about it.
_STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with git lfs pull"),
    (b"\x1f\x8b", "packed by gzip", "unpack it with gunzip"),
    (b"BZh", "packed by bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ", "packed by xz", "unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it with unzstd"),
    (b"7z\xbc\xaf", "an archive of 7-Zip", "unpack it"),
    (b"Rar!", "an archive of RAR", "unpack it"),
    (b"\x89HDF", "an HDF5 file, as Keras writes them", "write what is in it with PyTorch"),
    (b"\x93NUMPY", "an array of NumPy", "write what is in it with PyTorch"),
    (b"GGUF", "a GGUF file, whose weights are quantised", "fetch the model's safetensors"),
    (b"%PDF", "a PDF", "fetch the file itself"),
)


def strange(path: Path) -> str | None:
    """What a file is that is no file of weights and no video, and what to do: "a web page: …"; None for any other."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        return "an empty file: fetch it again"
    for start, what, advice in _STARTS:
        if head.startswith(start):
            return f"{what}: {advice}"
    if zipfile.is_zipfile(path) and head.startswith(b"PK"):
        return _archive(path)
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it with tar -xf"
    if b"\0" in head or not _is_text(head):
        return None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a web page, such as a sign-in: open its address in a browser, and fetch the file itself"
    return "a text: look into it"


def _archive(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        return (
            "a TorchScript program: where you trust it, write its weights alone, "
            f"torch.save(torch.jit.load({str(path)!r}, map_location='cpu').state_dict(), 'weights.pth'), and give that"
        )
    if any(name.endswith("data.pkl") for name in names):
        return None
    if any(name.endswith(".npy") for name in names):
        return (
            "an archive of NumPy arrays: write them as weights, torch.save({key: torch.from_numpy(array) for key, "
            f"array in numpy.load({str(path)!r}).items()}}, 'weights.pth'), and give that"
        )
    return "a zip archive: unpack it"


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a letter of several bytes, cut
    return True


def read_text(path: str | Path) -> str:
    """A text in UTF-8 or UTF-16, without its byte-order mark, its lines ended by "\\n".

    Raises:
        OSError: the file can't be read.
        ValueError: it is in another encoding, or no text.
    """
    data = Path(path).read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def composed(text: str) -> str:
    """The text with each accented letter as one character (NFC), to compare names: a Mac writes two."""
    return unicodedata.normalize("NFC", text)
