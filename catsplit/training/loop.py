"""The loop that fine-tunes a base model: transformers' Trainer around a network, its loss and its learning rates."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from catsplit.backbones import Normalise
from catsplit.errors import CatsplitError, ClipError
from catsplit.training.base import Recipe
from catsplit.training.views import Order, TrainingViews, collate, loader, seeded

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments, VideoMAEForVideoClassification


class Objective(nn.Module):
    """A network and its loss, with the augmentations that work on whole batches.

    Nothing but the seed and the batch's number decides which they are, drop path apart.
    """

    def __init__(self, network: "VideoMAEForVideoClassification", recipe: Recipe, seed: int) -> None:
        from timm.data import Mixup
        from timm.data.random_erasing import RandomErasing
        from timm.layers import DropPath

        super().__init__()
        self.network, self.recipe, self.seed = network, recipe, seed
        layers = network.videomae.encoder.layer
        for layer, rate in zip(layers, torch.linspace(0, recipe.drop_path, len(layers)).tolist(), strict=True):
            # These dropouts stand at the end of the two branches, where a whole branch can be dropped as well.
            layer.attention.output.dropout, layer.output.dropout = DropPath(rate), DropPath(rate)
        self.erase = RandomErasing(recipe.erasing, mode="pixel")
        self.mix = None
        if recipe.mixup or recipe.cutmix:
            self.mix = Mixup(
                recipe.mixup, recipe.cutmix, label_smoothing=recipe.smoothing, num_classes=network.config.num_labels
            )

    def forward(self, views: Tensor, rows: Tensor, number: int) -> dict[str, Tensor]:
        """The loss of views (B, T, H, W, 3) uint8 and their rows (B,)."""
        smoothing = self.recipe.smoothing
        # timm knows pictures: a view is one of 3·T channels, so that all its frames lose and gain the same rectangle.
        pixels = Normalise()(views).flatten(1, 2)
        if self.training:
            with seeded(self.seed, number):
                self.erase.device = pixels.device
                pixels = self.erase(pixels)
                if self.mix is not None:
                    (pixels, rows), smoothing = self.mix(pixels, rows), 0.0
        frames = pixels.unflatten(1, (3, views.shape[1])).transpose(1, 2)
        logits = self.network(pixel_values=frames).logits
        return {"loss": F.cross_entropy(logits.float(), rows, label_smoothing=smoothing)}

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """For timm: layer 0, the patches; 1 … L, the blocks; and above them what no pattern fits, norm and head."""
        return {"stem": r"network\.videomae\.embeddings\.", "blocks": r"network\.videomae\.encoder\.layer\.(\d+)\."}


def parameter_groups(objective: Objective, learning_rate: float) -> list[dict[str, Any]]:
    """Groups for the optimiser: layer i of 0 … L + 1 learns at learning_rate · layer_decay^(L + 1 − i)."""
    from timm.optim import param_groups_layer_decay

    recipe = objective.recipe
    groups = param_groups_layer_decay(objective, recipe.weight_decay, layer_decay=recipe.layer_decay)
    return [group | {"lr": learning_rate * group.pop("lr_scale")} for group in groups]


def arguments(
    folder: Path, recipe: Recipe, batch: int, accumulate: int, seed: int, workers: int | None, progress: bool
) -> "TrainingArguments":
    """Settings of the Trainer, whose checkpoints go to `folder`; among many processes, they find one another here.

    Raises:
        CatsplitError: several GPUs are there for one process.
    """
    import os

    from transformers import TrainingArguments

    cuda = torch.cuda.is_available()
    half = cuda and torch.cuda.is_bf16_supported()
    if workers is None:
        workers = max((os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)) - 1, 1)
    found = TrainingArguments(
        str(folder), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulate,
        num_train_epochs=recipe.epochs, max_grad_norm=0.0, seed=seed, bf16=half, fp16=cuda and not half,
        dataloader_num_workers=workers, dataloader_pin_memory=cuda, remove_unused_columns=False,
        save_strategy="epoch", save_total_limit=2, logging_strategy="epoch", report_to="none",
        disable_tqdm=not progress, ddp_find_unused_parameters=False, use_cpu=not torch.accelerator.is_available(),
        ddp_timeout=24 * 3600,  # seconds: the others wait while the first process reads every clip once
    )  # fmt: skip
    if found.n_gpu > 1:
        raise CatsplitError(
            f"{found.n_gpu} GPUs need as many processes: start them with torchrun --nproc-per-node {found.n_gpu} "
            "-m catsplit.training …, or choose one with CUDA_VISIBLE_DEVICES=0."
        )
    return found


def loop(objective: Objective, views: TrainingViews, settings: "TrainingArguments") -> "Trainer":
    """Train, from the last whole checkpoint if there is one; the Trainer afterwards, on which the losses are.

    Raises:
        ClipError: a clip can't be read any more.
        CatsplitError: fewer clips than a step needs.
    """
    from transformers import PrinterCallback, Trainer, TrainerCallback, get_cosine_schedule_with_warmup

    recipe, order = objective.recipe, Order(len(views), objective.seed)
    clips = settings.per_device_train_batch_size * settings.gradient_accumulation_steps * settings.world_size
    if len(views) < clips:
        raise CatsplitError(f"A step takes {clips} clips, but there are {len(views)}: lower batch or accumulate.")

    class Epochs(TrainerCallback):
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            order.epoch = round(state.epoch or 0)

    class Loop(Trainer):
        def get_train_dataloader(self) -> DataLoader:
            batches = loader(
                views, settings.dataloader_num_workers, batch_size=settings.per_device_train_batch_size,
                sampler=order, collate_fn=collate, drop_last=True, pin_memory=settings.dataloader_pin_memory,
            )  # fmt: skip
            return self.accelerator.prepare(batches)

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            warmup = round(num_training_steps * recipe.warmup / recipe.epochs)
            self.lr_scheduler = get_cosine_schedule_with_warmup(
                optimizer or self.optimizer, warmup, num_training_steps
            )
            return self.lr_scheduler

    optimiser = torch.optim.AdamW(parameter_groups(objective, recipe.learning_rate * clips / 256), betas=(0.9, 0.999))
    trainer = Loop(objective, settings, train_dataset=views, callbacks=[Epochs()], optimizers=(optimiser, None))
    trainer.remove_callback(PrinterCallback)
    # Drop path differs between the processes, whose networks are alike all the same: the first one's is copied.
    torch.manual_seed(objective.seed + settings.process_index)
    last = last_checkpoint(Path(settings.output_dir))
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except ClipError as error:
        # From a worker it comes with the story of its way.
        raise ClipError(re.split(r"ClipError: ", str(error).strip())[-1]) from error
    return trainer


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole: the Trainer writes its state last."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
