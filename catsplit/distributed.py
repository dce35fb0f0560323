"""Features across machines: Ray Data maps `extraction.shards.make_shards` over the processes of a cluster.

    def load():                                        # runs in each process; chooses its device by itself
        backbone = videomae.load_checkpoint("/shared/mvd.pth", labels, positions="mvd").backbone
        return accelerated(backbone) if torch.cuda.is_available() else backbone

    extract(clips, resolve, load, PRESETS["ssv2"], processes=8, cpus=14, gpus=1, cache="/shared/features")

Every machine must find the videos and the cache folder under the same paths: a shared file system is assumed. Ray
finds its cluster as always, by `ray.init` before or by the variable RAY_ADDRESS; without either it starts one of this
machine alone. Install it with `pip install 'catsplit[ray]'`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from catsplit import errors, features
from catsplit.backbones import Backbone
from catsplit.errors import CatsplitError
from catsplit.extraction.shards import Job, make_shards
from catsplit.extraction.store import Shard, Store
from catsplit.video import Sampling

GROUP = 8  # shards, at most, that a process gets at once: between two groups its backbone waits for the first clips


def extract(
    clips: Sequence[str],
    resolve: Callable[[str], Path],
    load: Callable[[], Backbone],
    sampling: Sampling,
    *,
    processes: int,
    cpus: int = 1,
    gpus: float = 0,
    **options: Any,
) -> features.FeatureSet:
    """As `features.extract`, the shards made by many processes at once: the same bytes, in the same cache.

    Either goes on where the other was stopped. The bytes are the same where the processors or GPUs are; another
    kind can change their last bits.

    Args:
        load: makes the backbone; called once here, for its key, and once in every process.
        processes: of the cluster, each with a backbone of its own.
        cpus: processors, and threads that decode, of each process.
        gpus: of each process; 0.5 lets two share one.
        options: as for `features.extract`, but `workers`.

    Raises:
        CatsplitError: Ray isn't installed, a number is out of range, or `load` made another backbone elsewhere.
        ClipError, CacheError: as `features.extract`.
    """
    if processes < 1 or cpus < 1 or gpus < 0:
        raise CatsplitError(
            f"processes and cpus are at least 1 and gpus at least 0, not {processes}, {cpus} and {gpus}."
        )
    try:
        import ray.data
    except ImportError as error:
        raise CatsplitError("Ray isn't installed: pip install 'catsplit[ray]'.") from error

    def run(job: Job, store: Store, shards: Sequence[Shard], advance: Callable[[int], object]) -> None:
        if not shards:
            return
        size = max(min(GROUP, len(shards) // (4 * processes)), 1)
        blocks = -(-len(shards) // size)
        dataset = ray.data.from_items([{"shard": shard} for shard in shards], override_num_blocks=blocks)
        dataset.context.enable_progress_bars = False
        made = dataset.map_batches(
            Worker,
            batch_size=None,  # a block
            compute=ray.data.ActorPoolStrategy(size=processes),
            num_cpus=cpus,
            num_gpus=gpus,
            fn_constructor_args=(replace(job, backbone=None), store, load, job.backbone.key, torch.get_num_threads()),
        )
        for row in made.iter_rows():
            advance(done(row))

    return features.extract(clips, resolve, load(), sampling, workers=cpus, run=run, **options)


class Worker:
    """One process of the cluster: groups of shards to rows that tell how it went."""

    def __init__(self, job: Job, store: Store, load: Callable[[], Backbone], key: str, threads: int) -> None:
        torch.set_num_threads(threads)  # as where the others are made: the number can change last bits
        self._job, self._store, self._load, self._key = job, store, load, key

    @cached_property
    def job(self) -> Job:
        """With a backbone of this process' own."""
        backbone = self._load()
        if backbone.key != self._key:
            raise CatsplitError(
                f'The backbone "{backbone.name}" has other weights, or another precision, in other '
                "processes: let `load` read the same file everywhere, and make nothing at random."
            )
        return replace(self._job, backbone=backbone)

    def __call__(self, group: dict[str, np.ndarray]) -> dict[str, list]:
        shards = [(int(start), int(stop)) for start, stop in group["shard"]]
        # An error as a row: raised here it would reach the user within Ray's, pages long.
        try:
            make_shards(self.job, self._store, shards)
        except CatsplitError as error:
            return {"clips": [0], "kind": [type(error).__name__], "error": [str(error)]}
        return {"clips": [sum(stop - start for start, stop in shards)], "kind": [""], "error": [""]}


def done(row: dict[str, Any]) -> int:
    """How many clips a worker's row is about.

    Raises:
        CatsplitError: the worker's.
    """
    if row["error"]:
        raise getattr(errors, row["kind"], CatsplitError)(row["error"])
    return row["clips"]
