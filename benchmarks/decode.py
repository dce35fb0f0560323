"""How fast clips become views, beside decord's own decoding of the same files.

    python benchmarks/decode.py [--seconds 5] [--out benchmarks/decode.md]

The clips are made up on the spot: coloured blocks that drift over a noisy ground, in the sizes of Stage-Split and of
Something-Something V2. They lie in the file system's cache, so that the processor is measured and not the disk.
Rounds of the ways that are compared alternate, since other work on the machine comes and goes; and the processor time
is told beside the rate, since it doesn't change with other work.
"""

import argparse
import itertools
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from statistics import median

import av
import decord
import numpy as np
import torch

from catsplit.paths import atomic_path
from catsplit.video import PRESETS, Sampling, read_views

CLIPS = [  # ending, height, width, frames, preset
    ("mp4", 80, 80, 20, "stage"),
    ("mp4", 240, 320, 48, "ssv2"),
    ("webm", 240, 320, 48, "ssv2"),
]
ROUNDS = 9
Way = Callable[[Path, Sampling], object]


def views(path: Path, sampling: Sampling) -> None:
    read_views(path, sampling)


def same_frames(path: Path, sampling: Sampling, **size: int) -> None:
    reader = decord.VideoReader(str(path), num_threads=1, **size)
    reader.get_batch(np.unique(sampling.indices(len(reader)))).asnumpy()


def same_frames_resized(path: Path, sampling: Sampling) -> None:
    height, width = (int(number) for number in path.stem.split("-")[:2])
    side = sampling.short_side
    same_frames(path, sampling, width=int(side * width / height), height=side)  # no clip here is upright


def all_frames(path: Path, sampling: Sampling) -> None:
    reader = decord.VideoReader(str(path), num_threads=1)
    reader.get_batch(np.arange(len(reader))).asnumpy()


WAYS: dict[str, Way] = {
    "ours: decoded, resized, cropped": views,
    "decord: the frames that the views are made of, native size": same_frames,
    "decord: the same, resized by decord (bicubic)": same_frames_resized,
    "decord: all frames, native size": all_frames,
}


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


def rate(pool: Executor, workers: int, way: Way, paths: list[Path], sampling: Sampling, seconds: float) -> list[float]:
    """Clips a second, and milliseconds of this process' processor time for each, in about so many seconds."""
    endless, count = itertools.cycle(paths), 0
    started, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        # Portions long enough that waiting for the slowest worker at their end doesn't count.
        for _ in pool.map(way, itertools.islice(endless, 8 * workers), itertools.repeat(sampling)):
            count += 1
    return [count / (time.perf_counter() - started), (time.process_time() - used) / count * 1000]


def compare(ways: list[Way], paths: list[Path], sampling: Sampling, workers: int, seconds: float) -> np.ndarray:
    """(rounds, ways, 2): what `rate` gives, the ways taking turns."""
    with ThreadPoolExecutor(workers) as pool:
        each = seconds / ROUNDS
        turns = [[rate(pool, workers, way, paths, sampling, each) for way in ways] for _ in range(ROUNDS + 1)]
    return np.array(turns[1:])  # the first warms up


def processes_beside_threads(paths: list[Path], sampling: Sampling, workers: int, seconds: float) -> np.ndarray:
    """(rounds, 2): clips read a second by processes, which don't even hand their views over, and by threads."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as processes, ThreadPoolExecutor(workers) as threads:
        pools, each = (processes, threads), seconds / ROUNDS
        turns = [[rate(pool, workers, views, paths, sampling, each)[0] for pool in pools] for _ in range(ROUNDS + 1)]
    return np.array(turns[1:])


def report(folder: Path, counts: list[int], seconds: float) -> list[str]:
    """Line by line."""
    busy = os.getloadavg()[0] > 0.5
    lines = [
        "# Clips to views, beside decord's own decoding",
        "",
        f"{platform.machine()}, {os.cpu_count()} processors, decord {decord.__version__}, torch {torch.__version__}; "
        f"load {os.getloadavg()[0]:.1f} at the start. Medians of {ROUNDS} rounds, in which the ways take turns. The "
        "ratios are our rate to that of decord, and decord's processor time to ours: 1 means that all but decoding "
        "costs nothing, less that it does. Each of decord's readers decodes with one thread, into NumPy."
        + " OTHER WORK KEPT THE MACHINE BUSY: only the processor times tell something." * busy,
        "",
        "| clip | threads | way | clips/s | processor time | ratio of rates | of processor times |",
        "|---|---|---|---|---|---|---|",
    ]
    pools = []
    for ending, height, width, frames, preset in CLIPS:
        sampling, paths = PRESETS[preset], [folder / f"{height}-{width}-{seed}.{ending}" for seed in range(16)]
        for seed, path in enumerate(paths):
            make(path, height, width, frames, seed)
        # Decord's own resizing fails for Stage-Split's size.
        ways = {name: way for name, way in WAYS.items() if preset != "stage" or way is not same_frames_resized}
        size = sum(path.stat().st_size for path in paths) // len(paths)
        clip = f"{width} × {height} × {frames} {ending}, {size / 1000:.0f} kB"
        for count in counts:
            turns = compare(list(ways.values()), paths, sampling, count, seconds)
            rates, times = turns[..., 0], turns[..., 1]
            for way, name in enumerate(ways):
                ratios = f"{median(rates[:, 0] / rates[:, way]):.2f} | {median(times[:, way] / times[:, 0]):.2f}"
                lines.append(
                    f"| {clip} | {count} | {name} | {median(rates[:, way]):,.0f} | {median(times[:, way]):.1f} ms | "
                    f"{ratios if way else ' | '} |"
                )
        turns = processes_beside_threads(paths, sampling, counts[-1], seconds)
        pools.append(
            f"| {clip} | {counts[-1]} | {median(turns[:, 0]):,.0f} | {median(turns[:, 1]):,.0f} | "
            f"{median(turns[:, 1] / turns[:, 0]):.2f} |"
        )
    return [
        *lines,
        "",
        "Threads beside processes, which here drop their views in place of handing them over:",
        "",
        "| clip | workers | processes, clips/s | threads, clips/s | threads to processes |",
        "|---|---|---|---|---|",
        *pools,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="measuring time of each number (default 5)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="largest number of threads")
    parser.add_argument("--out", type=Path, help="file to write the report to as well, such as benchmarks/decode.md")
    options = parser.parse_args()
    counts = sorted({min(2**power, options.workers) for power in range(options.workers.bit_length() + 1)})
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(report(Path(folder), counts, options.seconds)) + "\n"
    print(text, end="")
    if options.out:
        with atomic_path(options.out) as beside:
            beside.write_text(text)


if __name__ == "__main__":
    main()
