"""Pretrain: the recurrent network of the demand room, trained on made-up channels alone.

Channels of `synthetic` are made while it trains, each read the way a client's panel is
(models.demand.sequences): what prices do is learned on the first part of a channel, windows
are taken from the rest. Months and weeks take turns; lumpy series are drawn less often, since
their misses would drown the others.

Out: the network's weights, and an exam on channels that it has not seen. Same seed and steps,
same weights. (The loss at a step says little: some channels are harder than others.)
Limits: nothing of a plan or a name is learned, only of their common uplift (see `elasticity`);
        a client's panel brings its own.
"""

import resource
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from features.frequency import MONTHLY, WEEKLY, Frequency
from features.matrix import Setting, targets
from models.demand.elasticity import Elasticity
from models.demand.network import Batch, GateNetwork
from models.demand.sequences import Reader, Tensors
from models.demand.weights import Made, bare_network, save
from training.loop import train
from training.progress import Tick, silent
from training.synthetic import Span, Synthetic, synthetic
from training.track import code_version

Array = NDArray[np.float64]
_GENERIC = ("past", "ahead", "candidates")
_FRESH_EVERY = 8  # batches of a kind between two new channels
_WINDOWS_KEPT = 6000  # of a kind, oldest out first
_EXAM_SEED, _EXAM_BATCHES = 1_000_003, 40
_WIDEST_TRUTH = 10.0  # over level


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One sort of windows: rhythm, periods ahead, channel length in periods, share of the batches."""

    freq: Frequency
    horizon: int
    periods: tuple[int, int]
    share: float


KINDS = (
    Kind(freq=MONTHLY, horizon=3, periods=(30, 84), share=0.65),
    Kind(freq=MONTHLY, horizon=6, periods=(30, 84), share=0.10),
    Kind(freq=WEEKLY, horizon=13, periods=(80, 160), share=0.25),
)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long and how."""

    steps: int = 12_000
    batch: int = 256
    learning_rate: float = 3e-3
    hidden: int = 48
    dropout: float = 0.05
    years_back: float = 1.0
    seed: int = 0


def pretrain(course: Course, *, tick: Tick = silent) -> GateNetwork:
    """A network trained on made-up channels."""
    network = untaught(course)
    train(
        _Watched(network, tick), School(course=course), steps=course.steps, learning_rate=course.learning_rate
    )
    return network.eval()


def untaught(course: Course) -> GateNetwork:
    """The network as the course finds it."""
    torch.manual_seed(course.seed)
    return bare_network(course.hidden, dropout=course.dropout)


def exam(network: GateNetwork, course: Course) -> float:
    """Mean loss on batches of channels made with another seed, the same for every network."""
    school = School(course=replace(course, seed=course.seed + _EXAM_SEED))
    with torch.no_grad():
        return round(float(np.mean([network.eval().loss(school()) for _ in range(_EXAM_BATCHES)])), 4)


def ship(course: Course, folder: Path, *, tick: Tick = silent) -> Made:
    """Pretrain and write the weights with their record."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    network = pretrain(course, tick=tick)
    made = Made(
        command=f"qudao pretrain --steps {course.steps} --seed {course.seed}",
        seed=course.seed,
        steps=course.steps,
        code_version=code_version(),
        exam_before=exam(untaught(course), course),
        exam_after=exam(network, course),
        user_seconds=round(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before, 1),
    )
    save(network, made, folder)
    return made


class _Watched(torch.nn.Module):
    """A network whose every step is told."""

    def __init__(self, network: GateNetwork, tick: Tick) -> None:
        super().__init__()
        self.network, self._tick = network, tick

    def loss(self, batch: Batch) -> torch.Tensor:
        loss = self.network.loss(batch)
        self._tick(f"loss {float(loss.detach()):.3f}")
        return loss


@dataclass(kw_only=True)
class School:
    """Random batches of made-up windows."""

    course: Course
    _rng: np.random.Generator = field(init=False, repr=False)
    _pools: dict[Kind, Tensors] = field(default_factory=dict, init=False, repr=False)
    _drawn: dict[Kind, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.course.seed)

    def __call__(self) -> Batch:
        """The next batch."""
        kind = KINDS[self._rng.choice(len(KINDS), p=[k.share for k in KINDS])]
        drawn = self._drawn.get(kind, 0)
        while drawn % _FRESH_EVERY == 0 and self._grow(kind) < 4 * self.course.batch:
            pass
        self._drawn[kind] = drawn + 1
        pool = self._pools[kind]
        chance = pool["chance"] / pool["chance"].sum()
        rows = self._rng.choice(len(chance), self.course.batch, p=chance)
        return _with_own({k: torch.from_numpy(v[rows]) for k, v in pool.items() if k != "chance"})

    def _grow(self, kind: Kind) -> int:
        """One more channel in the pool; how many windows it holds then."""
        pool = self._pools.get(kind)
        for fresh in windows(self._rng, kind, self.course.years_back):
            pool = fresh if pool is None else {k: np.concatenate([pool[k], v]) for k, v in fresh.items()}
        assert pool is not None  # noqa: S101
        self._pools[kind] = {k: v[-_WINDOWS_KEPT:] for k, v in pool.items()}
        return len(self._pools[kind]["y"])


def windows(rng: np.random.Generator, kind: Kind, years_back: float) -> Iterator[Tensors]:
    """The windows of one made-up channel, a few cutoffs."""
    span = Span(
        dealers=int(rng.integers(4, 13)),
        products=int(rng.integers(1, 9)),
        periods=int(rng.integers(*kind.periods)),
        ahead=kind.horizon,
        freq=kind.freq,
    )
    made = synthetic(rng, span)
    first = span.periods // 2
    reader = _reader(made, kind, first, years_back)
    for t in sorted(rng.choice(np.arange(first, span.periods - kind.horizon + 1), 4, replace=False)):
        yield _window(made, reader, int(t))


def _reader(made: Synthetic, kind: Kind, first: int, years_back: float) -> Reader:
    setting = Setting.of(made.panel, country="CN" if made.lunar else None)
    return Reader(
        setting=setting,
        response=Elasticity().fit(made.panel.at(first, ahead=0)),
        plans={},
        back=int(kind.freq.season * years_back),
        horizon=kind.horizon,
    )


def _window(made: Synthetic, reader: Reader, t: int) -> Tensors:
    tensors, size = reader.read(made.panel.at(t, ahead=reader.horizon))
    y = targets(made.panel, t, reader.horizon, size).reshape(made.panel.n, reader.horizon)
    seen = np.isfinite(made.panel.y[:, :t]).sum(axis=1)
    keep = np.isfinite(y).any(axis=1) & (seen >= 4) & (np.nan_to_num(made.panel.y[:, :t]).sum(axis=1) > 0)
    past = np.expm1(tensors["past"][:, -made.panel.freq.season :, 0])
    out: Tensors = {name: tensors[name] for name in _GENERIC}
    out["y"] = np.minimum(y, _WIDEST_TRUTH).astype(np.float32)
    out["chance"] = (1 / (0.1 + past.std(axis=1))).astype(np.float32)
    return {name: values[keep] for name, values in out.items()}


def _with_own(batch: dict[str, torch.Tensor]) -> Batch:
    """A batch with nothing of a panel's own."""
    n, back, ahead = len(batch["y"]), batch["past"].shape[1], batch["ahead"].shape[1]
    own = {"past_plans": torch.zeros(n, back, 0), "ahead_plans": torch.zeros(n, ahead, 0)}
    return batch | own | {"static": torch.zeros(n, 0, dtype=torch.long)}
