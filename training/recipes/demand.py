"""Recipe of the demand room: from a panel to a model that may be released.

1. members    trees, network and statistical methods, none of which has seen the answer
2. replay     each is fitted at past cutoffs and asked for what then happened
3. blend      stack and spread learn from the replay (models.demand.model)
4. refit      members learn from everything up to the cutoff

Limits: a series needs `LEAST_PERIODS` observations for a forecast of its own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from features.intermittency import zero_rate
from features.panel import Panel
from models.demand.boosted import Boosted
from models.demand.croston import tsb
from models.demand.ets import ets
from models.demand.members import Local, Member
from models.demand.model import DemandModel, Replay
from models.demand.recurrent import Recurrent
from models.demand.segments import LUMPY_RATE
from models.demand.theta import theta
from training.loop import train
from training.progress import Tick, silent
from training.split import rolling

Array = NDArray[np.float64]
Name = Literal["boosted", "lstm", "ets", "theta", "croston"]
CONFIG = Path(__file__).parents[2] / "configs" / "demand.yaml"


class DemandConfig(BaseModel):
    """configs/demand.yaml, frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    horizon: dict[Literal["M", "W"], int] = {"M": 3, "W": 13}
    replays: dict[Literal["M", "W"], int] = {"M": 5, "W": 4}
    members: tuple[Name, ...] = ("boosted", "lstm", "ets", "theta")
    lumpy_member: Name | None = "croston"
    country: str | None = None
    delay: int = Field(default=0, ge=0)
    boosted: dict[str, float] = {}
    lstm: dict[str, float] = {}
    seed: int = 0

    @classmethod
    def read(cls, path: Path = CONFIG) -> "DemandConfig":
        """The settings in a YAML file."""
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def members(panel: Panel, config: DemandConfig) -> dict[str, Member]:
    """Fresh members for this panel."""
    makers: dict[str, Callable[[], Member]] = {
        "boosted": lambda: Boosted(country=config.country, seed=config.seed, **_numbers(config.boosted)),
        "lstm": lambda: Recurrent(loop=train, seed=config.seed, **_numbers(config.lstm)),
        "ets": lambda: Local(ets),
        "theta": lambda: Local(theta),
        "croston": lambda: Local(tsb),
    }
    lumpy = np.nanmean(zero_rate(panel.y, panel.freq.season)) > LUMPY_RATE
    extra = (config.lumpy_member,) if config.lumpy_member and lumpy else ()
    return {name: makers[name]() for name in dict.fromkeys((*config.members, *extra))}


def fit(panel: Panel, horizon: int, config: DemandConfig, *, tick: Tick = silent) -> DemandModel:
    """The whole model at the panel's cutoff."""
    replayed = replay(panel, horizon, config, tick=tick)
    fitted: dict[str, Member] = {}
    for name, member in members(panel, config).items():
        tick(f"{name} on everything")
        fitted[name] = member.fit(panel, horizon)
    return DemandModel().fit(panel, fitted, replayed)


def replay(panel: Panel, horizon: int, config: DemandConfig, *, tick: Tick = silent) -> Replay:
    """Members at past cutoffs, each fitted on what was known then."""
    names = tuple(members(panel, config))
    seen, forecasts, truths = [], [], []
    for t in cutoffs(panel, horizon, config):
        then, layers = panel.at(t, ahead=horizon), []
        for name, member in zip(names, members(panel, config).values(), strict=True):
            tick(f"{name} at {then.cutoff:%Y-%m-%d}")
            layers.append(member.fit(then, horizon).predict(then))
        keep = then.started()
        seen.append(then.take(keep))
        forecasts.append(np.stack(layers, axis=2)[keep])
        truths.append(panel.y[keep, t : t + horizon])
    return Replay(names=names, panels=seen, forecasts=forecasts, truths=truths)


def cutoffs(panel: Panel, horizon: int, config: DemandConfig) -> list[int]:
    """Where the replay cuts, as observed periods."""
    return rolling(panel.t, horizon=horizon, windows=config.replays[panel.freq.letter], least=4)


def n_steps(panel: Panel, horizon: int, config: DemandConfig) -> int:
    """How many ticks one `fit` makes."""
    return len(members(panel, config)) * (len(cutoffs(panel, horizon, config)) + 1)


def _numbers(options: dict[str, float]) -> dict[str, float]:
    """Whole numbers as integers, as the libraries want them."""
    return {k: int(v) if float(v).is_integer() and k not in _FRACTIONS else v for k, v in options.items()}


_FRACTIONS = {"learning_rate", "power", "column_share", "l2", "dropout", "size_power"}
