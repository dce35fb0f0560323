"""Views a second on a GPU: what the model reaches of the GPU's ceiling, and what limits the way from files to features.

    python benchmarks/extract_gpu.py [--seconds 5] [--out benchmarks/extract_gpu.md]
    python benchmarks/extract_gpu.py --quick --device cpu        # does it still run? Its figures say nothing

NO GPU WAS AT HAND when this was written: it ran on processors only, and no figure of a GPU in this repository is its.
The model is the paper's ViT-S with random weights, 16 frames of 224²; the clips are made up as in decode.py.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import torch
from decode import make
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from catsplit.backbones import ModuleBackbone, accelerated, from_module
from catsplit.extraction.decoding import decoded
from catsplit.features import extract
from catsplit.models.base import FramesFirst, PlainAnswer
from catsplit.models.videomae import network
from catsplit.paths import atomic_path
from catsplit.video import PRESETS, Sampling

QUICK = Sampling(frames=4, segments=2, crops=3, short_side=32, crop_size=32)
FILES = 32  # distinct ones; the clips are links to them


def vit_small(quick: bool) -> ModuleBackbone:
    """The paper's backbone, or a tiny one of its kind, with random weights."""
    torch.manual_seed(0)
    sizes = {"width": 48, "depth": 2, "heads": 3, "frames": QUICK.frames, "image_size": QUICK.crop_size}
    model = network(["a", "b"], positions="mvd", **(sizes if quick else {}))
    width, model.classifier = model.config.hidden_size, nn.Identity()
    return from_module(PlainAnswer(model), width, name="ViT-S", transform=FramesFirst())


def flops(quick: bool, sampling: Sampling) -> int:
    """Floating-point operations of a view, a multiplication and an addition being two; without computing anything."""
    backbone = vit_small(quick)
    views = torch.empty(1, *sampling.shape[1:], dtype=torch.uint8, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        backbone.module.to("meta")(backbone.transform(views))
    return counter.get_total_flops()


def rate(step: Callable[[], int], device: torch.device, seconds: float) -> float:
    """What `step` gets done a second, in about so many seconds, after a few steps that warm up."""

    def finish() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        step()
    finish()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        # Several at a time: to wait for each would leave the GPU idle until it is told of the next.
        done += sum(step() for _ in range(8))
        finish()
    return done / (time.perf_counter() - started)


def ceiling(device: torch.device, size: int, seconds: float) -> float:
    """FLOP/s that are reached by products of square bfloat16 matrices."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))

    def step() -> int:
        torch.matmul(a, b)
        return 2 * size**3

    return rate(step, device, seconds)


def from_memory(backbone: ModuleBackbone, views: torch.Tensor, seconds: float) -> float:
    """Views a second with decoded input in memory, the features of each batch fetched while the next one runs."""
    waiting = [backbone.start(views)]

    def step() -> int:
        waiting.append(backbone.start(views))
        waiting.pop(0)()
        return len(views)

    return rate(step, backbone.device, seconds)


def decoding_alone(files: list[Path], sampling: Sampling, workers: int, batch: int, pinned: bool) -> float:
    """Clips a second that the threads decode while nobody uses them."""
    batches = [range(first, min(first + batch, len(files))) for first in range(0, len(files), batch)]
    started = time.perf_counter()
    with closing(decoded(files, sampling, batches, workers=workers, pinned=pinned)) as made:
        done = sum(isinstance(frames, int) for _, told in made for frames in told.values())
    return done / (time.perf_counter() - started)


def end_to_end(clips: dict[str, Path], backbone: ModuleBackbone, sampling: Sampling, workers: int, batch: int) -> float:
    """Clips a second from files to features in a new cache."""
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        extract(
            list(clips), clips.__getitem__, backbone, sampling, workers=workers, batch_size=batch, progress=False,
            cache=cache,
        )  # fmt: skip
        return len(clips) / (time.perf_counter() - started)


def report(options: argparse.Namespace, device: torch.device, folder: Path) -> list[str]:
    """Line by line."""
    quick, cuda = options.quick, device.type == "cuda"
    sampling = QUICK if quick else PRESETS["ssv2"]
    work = flops(quick, sampling)
    name = torch.cuda.get_device_name(device) if cuda else "the processor, WHICH SAYS NOTHING ABOUT A GPU"
    top = ceiling(device, 256 if quick else 8192, options.seconds)
    lines = [
        "# Views a second",
        "",
        f"{name}; {len(os.sched_getaffinity(0))} processors; torch {torch.__version__}. "
        f"{'A tiny model in place of ViT-S' if quick else 'ViT-S with random weights'}, "
        f"{' × '.join(map(str, sampling.shape[1:]))} a view, {work / 1e9:.3g} GFLOP. The ceiling is what products of "
        f"square bfloat16 matrices reach here: {top / 1e12:.3g} TFLOP/s.",
        "",
        "## Decoded input in memory",
        "",
        "| precision | compiled | views in a batch | input | views/s | TFLOP/s | of the ceiling |",
        "|---|---|---|---|---|---|---|",
    ]
    for precision, compiled in itertools.product((None, torch.bfloat16), (False, True) if cuda else (False,)):
        backbone = accelerated(vit_small(quick), device, autocast=precision, compiled=compiled)
        for batch in (24,) if quick else (24, 96, 192):
            shape = (batch, *sampling.shape[1:])
            on_host = torch.randint(0, 256, shape, dtype=torch.uint8, pin_memory=cuda)
            for where, views in (("GPU memory", on_host.to(device)), ("pinned memory", on_host))[not cuda :]:
                speed = from_memory(backbone, views, options.seconds)
                lines.append(
                    f"| {'bfloat16' if precision else 'float32'} | {'yes' if compiled else 'no'} | {batch} | "
                    f"{where if cuda else 'memory'} | {speed:,.0f} | {speed * work / 1e12:.3g} | "
                    f"{speed * work / top:.0%} |"
                )
    lines += [
        "",
        "## From files",
        "",
        "| clips | threads | in a batch | decoding alone, clips/s | model alone | both | both, views/s | limit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    backbone = accelerated(vit_small(quick), device, compiled=cuda)
    for ending in ("mp4",) if quick else ("mp4", "webm"):
        files, count = [folder / f"{number}.{ending}" for number in range(4 if quick else FILES)], 16 if quick else 1024
        for seed, path in enumerate(files):
            make(path, 48 if quick else 240, 64 if quick else 320, 12 if quick else 48, seed)
        clips = {f"{number}.{ending}": files[number % len(files)] for number in range(count)}
        for batch in (4,) if quick else (4, 16):
            workers = options.workers
            shape = (batch * sampling.views, *sampling.shape[1:])
            model = from_memory(
                backbone, torch.randint(0, 256, shape, dtype=torch.uint8, pin_memory=cuda), options.seconds
            ) / sampling.views  # fmt: skip
            decoding = decoding_alone(list(clips.values()), sampling, workers, batch, cuda)
            both = end_to_end(clips, backbone, sampling, workers, batch)
            limit = f"{'decoding' if decoding < model else 'the model'}, of whose rate it reaches"
            lines.append(
                f"| {count:,} {ending} | {workers} | {batch} | {decoding:,.1f} | {model:,.1f} | {both:,.1f} | "
                f"{both * sampling.views:,.0f} | {limit} {both / min(decoding, model):.0%} |"
            )
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda (default), cuda:1, ..., or cpu with --quick")
    parser.add_argument("--seconds", type=float, default=5, help="measuring time of each number (default 5)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads that decode")
    parser.add_argument("--quick", action="store_true", help="a tiny model and a few clips: does it still run?")
    parser.add_argument("--out", type=Path, help="file to write the report to as well")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here: run this on a machine with a GPU, or try --quick --device cpu.")
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(report(options, device, Path(folder))) + "\n"
    print(text, end="")
    if options.out:
        with atomic_path(options.out) as beside:
            beside.write_text(text)


if __name__ == "__main__":
    main()
