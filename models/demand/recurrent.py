"""Recurrent: the LSTM member, one network (see `network`) for every series.

It does not begin from nothing: what a network learned on made-up channels (see `weights`) is one
more simple forecast to choose, believed about a half at first. Where a panel has no plans and sells in
most periods, its weights are the start too; elsewhere that was measured to be worse, or biased.

Trained shortly on many random windows of the past, large series drawn more often, since
an error there costs more units. Several small networks with different seeds are averaged.
How it is trained is handed in as `loop` (training.loop runs Lightning); what is learned is
plain torch and needs no trainer to predict.

Shapes: n series, h periods ahead; `predict` is [n, h], units; `quantiles` [n, h, k].
Limits: reads `back` periods and no more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.matrix import targets
from features.panel import Panel
from models.demand.forecast import LEVELS
from models.demand.network import Batch, GateNetwork, Shape, area
from models.demand.sequences import Reader, Tensors
from models.demand.weights import teacher
from models.errors import NotFitted

Array = NDArray[np.float64]
Loop = Callable[..., None]  # loop(network, draw, steps=, learning_rate=)
_CHUNK = 1024
_TRUST = 3.0  # in the teacher's forecast before training, against 0 in each other's: about a half
_MOSTLY_SOLD = 0.7  # of the periods
_FOLDS = 5  # of the past, for the response to plans


@dataclass(kw_only=True)
class Recurrent:
    """An average of `seeds` gate networks."""

    loop: Loop | None = field(default=None, repr=False)
    steps: int = 100
    batch: int = 256
    learning_rate: float = 2e-3
    hidden: int = 48
    dropout: float = 0.1
    seeds: int = 2
    years_back: float = 1.0  # as the pretrained network reads
    max_windows: int = 12_000
    size_power: float = 1.0
    seed: int = 0
    country: str | None = None
    pretrained: int = 1  # 0: nothing brought along
    networks_: list[GateNetwork] | None = field(default=None, init=False, repr=False)
    reader_: Reader = field(init=False, repr=False)

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Train on every past cutoff that leaves a whole horizon (in a short history: on the first)."""
        if self.loop is None:
            raise ValueError("Recurrent needs a training loop: pass loop=training.loop.train.")
        self.reader_ = Reader.of(
            panel,
            horizon,
            years_back=self.years_back,
            country=self.country,
            teacher=teacher() if self.pretrained else None,
        )
        windows, size = self._windows(panel)
        networks = [self._network(panel, windows, s) for s in range(self.seeds)]
        for s, network in enumerate(networks):
            self.loop(
                network,
                _Drawer(windows, size**self.size_power, self.batch, self.seed + s),
                steps=self.steps,
                learning_rate=self.learning_rate,
            )
            network.double().eval()  # so that a row's answer does not depend on its batch
        self.networks_ = networks
        return self

    def predict(self, panel: Panel) -> Array:
        """Mean units, [n, h]: the area under the quantiles, tails flat beyond the outermost."""
        return area(self.quantiles(panel), LEVELS)

    def quantiles(self, panel: Panel) -> Array:
        """Quantiles at LEVELS, [n, h, k], units."""
        if self.networks_ is None:
            raise NotFitted(self)
        tensors, size = self.reader_.read(panel)
        out = np.zeros((panel.n, self.reader_.horizon, len(LEVELS)))
        with torch.inference_mode():
            for start in range(0, panel.n, _CHUNK):
                batch = {k: _exact(v[start : start + _CHUNK]) for k, v in tensors.items()}
                for network in self.networks_:
                    out[start : start + _CHUNK] += network(batch).numpy()
        return out / len(self.networks_) * size[:, None, None]

    def _windows(self, panel: Panel) -> tuple[Tensors, Array]:
        """Every training window, stacked: tensors and the level of each window, [w]."""
        horizon, season = self.reader_.horizon, panel.freq.season
        last = max(panel.t - horizon, 1)
        cuts = range(last, min(season, last), -1) or range(last, last + 1)
        stride = -(-len(cuts) * panel.n // self.max_windows)
        parts = []
        for few in np.array_split(cuts[::stride], _FOLDS):
            if len(few):
                reader = self.reader_.without(panel, few.min(), few.max() + horizon)
                parts += [_window(panel, reader, int(t)) for t in few]
        tensors, sizes = zip(*parts, strict=True)
        stacked = {k: np.concatenate([part[k] for part in tensors]) for k in tensors[0]}
        if not len(stacked["y"]):
            raise TooFewRows("Learning from series with an earlier period", 1, 0)
        return stacked, np.concatenate(sizes)

    def _network(self, panel: Panel, windows: Tensors, seed: int) -> GateNetwork:
        torch.manual_seed(self.seed + seed)
        shape = Shape(
            past=windows["past"].shape[2],
            ahead=windows["ahead"].shape[2],
            candidates=windows["candidates"].shape[2],
            past_plans=windows["past_plans"].shape[2],
            ahead_plans=windows["ahead_plans"].shape[2],
            names=tuple(len(v) for v in self.reader_.setting.vocabulary.values()),
        )
        network = GateNetwork(shape, levels=LEVELS, hidden=self.hidden, dropout=self.dropout)
        if (taught := self.reader_.teacher) is not None:
            if _is_known_ground(panel) and taught.encoder.hidden_size == self.hidden:
                network.start_from({name: values.float() for name, values in taught.named_parameters()})
            torch.nn.init.constant_(network.gate.bias[-1:], _TRUST)
        return network

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"loop": None}


def _is_known_ground(panel: Panel) -> bool:
    """No plans, and sales in most periods: where pretrained weights are a good start."""
    sold = panel.y[np.isfinite(panel.y)] > 0
    return not panel.plans and bool(sold.mean() > _MOSTLY_SOLD)


def _window(panel: Panel, reader: Reader, t: int) -> tuple[Tensors, Array]:
    """What was to be seen at t and what then happened, of the series that had begun."""
    tensors, size = reader.read(panel.at(t, ahead=reader.horizon))
    y = targets(panel, t, reader.horizon, size).reshape(panel.n, reader.horizon)
    keep = np.isfinite(y).any(axis=1) & panel.at(t).started()
    return {k: v[keep] for k, v in (tensors | {"y": y.astype(np.float32)}).items()}, size[keep]


def _exact(values: NDArray[np.float32] | NDArray[np.int64]) -> torch.Tensor:
    tensor = torch.from_numpy(values)
    return tensor.double() if tensor.is_floating_point() else tensor


class _Drawer:
    """Random batches of windows, drawn in proportion to `chance`."""

    def __init__(self, windows: Tensors, chance: Array, batch: int, seed: int) -> None:
        self._windows = {k: torch.from_numpy(v) for k, v in windows.items()}
        self._chance = torch.from_numpy(chance / chance.sum())
        self._batch = batch
        self._rng = torch.Generator().manual_seed(seed)

    def __call__(self) -> Batch:
        rows = torch.multinomial(self._chance, self._batch, replacement=True, generator=self._rng)
        return {name: values[rows] for name, values in self._windows.items()}
