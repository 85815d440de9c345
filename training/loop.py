"""Loop: how a torch network is trained. The only place that knows Lightning.

`train` minimises `network.loss(batch)` on batches from `draw()`, with AdamW and a one-cycle
learning rate, gradients clipped to norm 1. The network is trained in place.

Limits: CPU, one thread; batches are in memory (data-loader workers only slow it).
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from models.demand.network import Batch

_DECAY = 1e-3


def train(network: nn.Module, draw: Callable[[], Batch], *, steps: int, learning_rate: float) -> None:
    """`steps` batches, one update each; the learning rate rises to `learning_rate` and falls to nothing."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        barebones=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch
        trainer.fit(_Lit(network, steps, learning_rate), DataLoader(_Drawn(draw, steps), batch_size=None))


def _rising(steps: int) -> float:
    """The share of steps in which the learning rate rises; not exactly one step, which torch divides by."""
    return min(max(0.2, 1.5 / steps), 0.9)


class _Drawn(IterableDataset[Batch]):
    def __init__(self, draw: Callable[[], Batch], steps: int) -> None:
        self._draw, self._steps = draw, steps

    def __iter__(self) -> Iterator[Batch]:
        return (self._draw() for _ in range(self._steps))


class _Lit(lightning.LightningModule):
    def __init__(self, network: nn.Module, steps: int, learning_rate: float) -> None:
        super().__init__()
        self.network, self._steps, self._rate = network, steps, learning_rate

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        loss: Tensor = self.network.loss(batch)  # type: ignore[operator]
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self._rate, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self._rate, total_steps=self._steps, pct_start=_rising(self._steps)
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]
