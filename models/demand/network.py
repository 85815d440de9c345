"""GateNetwork: a recurrent network that chooses between simple forecasts, then corrects them.

An LSTM reads a series' last periods; a second LSTM walks the periods ahead with what is
planned for them. At each step a softmax gate mixes the candidates (last value, means, year
ago, planned ...) and a correction multiplies the mix; the other quantiles are spread
around the middle one by positive increments, so they cannot cross.

Shapes: b windows, l periods back, h ahead, c candidates, k quantile levels; units over level.
Source: Hochreiter and Schmidhuber (1997); Lim et al. (2021), Temporal Fusion Transformers,
        arXiv:1912.09363 (gating, known-future decoder, quantile loss); the gate is a
        feature-weighted forecast combination, Montero-Manso et al. (2020), FFORMA, IJF 36.
Limits: the correction is at most a factor of e^0.7 either way: the level comes from the candidates.

>>> _ = torch.manual_seed(0)
>>> net = GateNetwork(Shape(past=3, ahead=4, candidates=5, names=(2,)), levels=(0.1, 0.5, 0.9), hidden=8)
>>> batch = {"past": torch.zeros(2, 6, 3), "ahead": torch.zeros(2, 3, 4), "candidates": torch.ones(2, 3, 5),
...          "past_plans": torch.zeros(2, 6, 0), "ahead_plans": torch.zeros(2, 3, 0),
...          "static": torch.zeros(2, 1, dtype=torch.long)}
>>> net(batch).shape
torch.Size([2, 3, 3])
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Batch = Mapping[str, Tensor]
_MOST_CORRECTION = 0.7
_EMBEDDING = 6


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Widths of what is read of any panel, then of this one: plans, names in each static column."""

    past: int
    ahead: int
    candidates: int
    past_plans: int = 0
    ahead_plans: int = 0
    names: tuple[int, ...] = ()


def area(quantiles: NDArray[np.float64], levels: tuple[float, ...]) -> NDArray[np.float64]:
    """The mean under quantiles [..., k], tails flat beyond the outermost."""
    edges = np.concatenate([[0.0], (np.array(levels[1:]) + levels[:-1]) / 2, [1.0]])
    return np.asarray(quantiles @ np.diff(edges))


class GateNetwork(nn.Module):
    """Encoder, decoder, gate."""

    def __init__(self, shape: Shape, *, levels: tuple[float, ...], hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.levels = levels
        self.middle = min(range(len(levels)), key=lambda j: abs(levels[j] - 0.5))
        self.embeddings = nn.ModuleList(
            nn.Embedding(count + 1, _EMBEDDING) for count in shape.names
        )  # 0: unseen
        static = _EMBEDDING * len(shape.names)
        told = shape.ahead + shape.candidates
        self.encoder = nn.LSTM(shape.past + shape.past_plans, hidden, batch_first=True)
        self.decoder = nn.LSTM(told + shape.ahead_plans + static, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.gate = nn.Linear(hidden + static, shape.candidates)
        self.correction = nn.Linear(hidden + static, 1)
        self.spread = nn.Linear(hidden + static, len(levels))
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Quantiles [b, h, k] over level; `candidates` may hold NaN where one cannot speak."""
        candidates = batch["candidates"]  # [b, h, c]
        silent = torch.isnan(candidates)
        told = torch.where(silent, torch.ones_like(candidates), candidates)
        _, state = self.encoder(torch.cat([batch["past"], batch["past_plans"]], dim=2))
        static = self._static(batch["static"], told.shape[1])  # [b, h, s]
        said = torch.log1p(told.clamp(0, 50))
        inputs = torch.cat([batch["ahead"], said, batch["ahead_plans"], static], dim=2)
        walked, _ = self.decoder(inputs, state)  # [b, h, hidden]
        described = torch.cat([self.dropout(walked), static], dim=2)
        share = self.gate(described).masked_fill(silent, -1e4).softmax(dim=2)  # [b, h, c]
        factor = torch.exp(_MOST_CORRECTION * torch.tanh(self.correction(described)))  # [b, h, 1]
        middle = (share * told).sum(dim=2, keepdim=True) * factor
        quantiles: Tensor = self._around(middle, self.spread(described))
        return quantiles

    @torch.no_grad()
    def start_from(self, state: Mapping[str, Tensor]) -> None:
        """Take over a narrower network's weights; what only this one reads starts without a say.

        Inputs of any panel come first in every weight, so the narrower one is its leading block.
        """
        for name, own in self.named_parameters():
            if name in state:
                own.zero_()
                own[tuple(slice(0, width) for width in state[name].shape)] = state[name]

    def loss(self, batch: Batch) -> Tensor:
        """Mean pinball loss over levels, steps and the windows' observed truths, the middle counted more."""
        error = batch["y"].unsqueeze(2) - self(batch)  # [b, h, k]
        seen = torch.isfinite(error)
        error = torch.where(seen, error, torch.zeros_like(error))
        levels = torch.tensor(self.levels)
        pinball = torch.maximum(levels * error, (levels - 1) * error)
        each = pinball.mean(dim=2) + pinball[:, :, self.middle]
        loss: Tensor = each.sum() / seen[:, :, 0].sum().clamp(min=1)
        return loss

    def _static(self, codes: Tensor, horizon: int) -> Tensor:
        parts = [e(codes[:, j]) for j, e in enumerate(self.embeddings)]
        told = torch.cat(parts, dim=1) if parts else codes.new_zeros((len(codes), 0), dtype=torch.float)
        kept: Tensor = self.dropout(told)
        return kept.unsqueeze(1).expand(-1, horizon, -1)

    def _around(self, middle: Tensor, raw: Tensor) -> Tensor:
        """Quantiles from the middle outwards, [b, h, k]: factors up, shares down, so never negative."""
        step = functional.softplus(raw - 1.5)
        up = torch.cumsum(step[..., self.middle + 1 :], dim=2)
        down = torch.cumsum(step[..., : self.middle].flip(2), dim=2).flip(2)
        return torch.cat([middle * torch.exp(-down), middle, middle * (1 + up)], dim=2)
