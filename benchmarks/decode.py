"""How fast clips become views: `python benchmarks/decode.py [--seconds 5]` prints a Markdown table.

The clips are made up on the spot: coloured blocks that drift over a noisy ground, in the sizes of Stage-Split and of
Something-Something V2. They lie in the file system's cache, so that the processor is measured and not the disk.
"""

import argparse
import itertools
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np

from catsplit.video import PRESETS, Sampling, read_views

CLIPS = [  # ending, height, width, frames, preset
    ("mp4", 80, 80, 20, "stage"),
    ("mp4", 240, 320, 48, "ssv2"),
    ("webm", 240, 320, 48, "ssv2"),
]


def make(path: Path, height: int, width: int, frames: int, seed: int) -> None:
    """Write a clip, H.264 or VP9 by its ending."""
    random = np.random.default_rng(seed)
    ground = random.integers(90, 166, (height, width, 3), dtype=np.uint8)
    blocks = random.integers(0, 256, (8, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt, stream.options = width, height, "yuv420p", {"crf": "23"}
        for index in range(frames):
            picture = ground.copy()
            for number, colour in enumerate(blocks):
                top, left = number * height // 8, (number * 37 + 3 * index) % (width - width // 8)
                picture[top : top + height // 8, left : left + width // 8] = colour
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def clips_a_second(paths: list[Path], sampling: Sampling, workers: int, seconds: float) -> float:
    """Views read in about so many seconds by so many threads, per second."""
    endless = itertools.cycle(paths)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read_views, itertools.islice(endless, 2 * workers), itertools.repeat(sampling)))
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            # Rounds long enough that waiting for the slowest thread at their end doesn't count.
            batch = list(itertools.islice(endless, 16 * workers))
            for _ in pool.map(read_views, batch, itertools.repeat(sampling)):
                count += 1
        return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="measuring time of each number (default 5)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="largest number of threads")
    arguments = parser.parse_args()
    threads = sorted({min(2**power, arguments.workers) for power in range(arguments.workers.bit_length() + 1)})
    print("| clip | bytes | views | " + " | ".join(f"{n} thread{'s' * (n > 1)}" for n in threads) + " |")
    print("|---|---|---|" + "---|" * len(threads))
    with tempfile.TemporaryDirectory() as folder:
        for ending, height, width, frames, preset in CLIPS:
            paths = [Path(folder) / f"{height}-{seed}.{ending}" for seed in range(16)]
            for seed, path in enumerate(paths):
                make(path, height, width, frames, seed)
            size = sum(path.stat().st_size for path in paths) // len(paths)
            speeds = [clips_a_second(paths, PRESETS[preset], n, arguments.seconds) for n in threads]
            views = " × ".join(map(str, PRESETS[preset].shape))
            print(
                f"| {width} × {height} × {frames} {ending} | {size:,} | {views} | "
                + " | ".join(f"{speed:,.0f} clips/s" for speed in speeds)
                + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
