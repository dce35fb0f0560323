"""For preflight.py: what the Python that runs this has, as one line of JSON; names of packages are its argument."""

import importlib.metadata
import json
import sys
from pathlib import Path


def main():
    said = {"versions": {name: version(name) for name in json.loads(sys.argv[1])}}
    for name, look in (("torch", torch), ("catsplit", catsplit), ("clip", clip), ("features", features)):
        try:
            said[name] = [True, look()]
        except BaseException as error:  # a library may exit, or raise anything
            said[name] = [False, f"{type(error).__name__}: {error}".splitlines()[0][:200]]
    print(json.dumps(said))


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def torch():
    import torch

    assert torch.allclose(torch.eye(3) @ torch.ones(3), torch.ones(3)), "a sum came out wrong"
    return f"torch {torch.__version__} computes"


def catsplit():
    import catsplit

    return f"catsplit {catsplit.__version__} imports"


def clip():
    from catsplit.paths import cache_dir
    from catsplit.video import read_frames

    clips = sorted(cache_dir().glob("stage-split-*/videos/val-*.mp4"))
    assert clips, "there are no clips in cache/stage-split-*/videos"
    return f"{clips[0].name} has {len(read_frames(clips[0], 80))} frames"


def features():
    from catsplit import stage
    from catsplit.paths import cache_dir

    folder = Path(cache_dir() / "features")
    assert folder.exists(), "there is no folder cache/features"
    before = set(folder.iterdir())
    count = sum(len(stage.features(part, progress=False)) for part in "AB")
    assert set(folder.iterdir()) == before, "other packages than the tested ones made other features"
    return f"of {count:,} clips"


if __name__ == "__main__":
    main()
