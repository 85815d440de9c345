"""Recipe of the demand room: from a panel to a model that may be released.

1. members     trees, network, statistical methods: fresh ones for every cutoff
2. rehearse    each is fitted at past cutoffs and asked for what then happened
3. blend       stack and spread learn from the rehearsals (models.demand.model)
4. backtest    the same at several cutoffs, beside the planners' methods; a cutoff is rehearsed once

Limits: a series needs a few observations for a forecast of its own (see models.demand.model).
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field

from features.panel import Panel
from models.demand.boosted import Boosted
from models.demand.croston import croston_sba, imapa, tsb
from models.demand.ets import ets
from models.demand.members import Local, Member
from models.demand.model import DemandModel
from models.demand.recurrent import Recurrent
from models.demand.theta import theta
from training.backtest import backtest as compare
from training.loop import train
from training.progress import Tick, silent
from training.rehearsal import Rehearsals
from training.split import rolling

Name = Literal["boosted", "lstm", "ets", "theta", "croston", "tsb", "imapa"]
Letter = Literal["M", "W"]
LOCAL = {"ets": ets, "theta": theta, "croston": croston_sba, "tsb": tsb, "imapa": imapa}
CONFIG = Path(__file__).parents[2] / "configs" / "demand.yaml"


class Settings(BaseModel):
    """Options of one learner, handed on as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")


class DemandConfig(BaseModel):
    """configs/demand.yaml, frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    horizon: dict[Letter, int] = {"M": 3, "W": 13}
    replays: dict[Letter, int] = {"M": 5, "W": 4}
    windows: int = Field(default=3, ge=1)
    members: tuple[Name, ...] = ("boosted", "lstm", "ets", "theta", "tsb")
    country: str | None = None
    delay: int = Field(default=0, ge=0)
    gaps: Literal["missing", "zero"] = "missing"
    boosted: Settings = Settings()
    lstm: Settings = Settings()
    workers: int = Field(default=2, ge=1)
    seed: int = 0

    @classmethod
    def read(cls, path: Path = CONFIG) -> Self:
        """The settings in a YAML file."""
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def members(config: DemandConfig) -> dict[str, Member]:
    """Fresh members, in the order of the settings."""
    return {name: _member(name, config) for name in config.members}


def rehearsals(panel: Panel, horizon: int, config: DemandConfig) -> Rehearsals:
    """Where members are tried; what reaches us late makes them look further ahead."""
    windows = config.replays[panel.freq.letter]
    steps = horizon + config.delay
    return Rehearsals(panel=panel, horizon=steps, make=partial(members, config), windows=windows)


def fit(past: Rehearsals, config: DemandConfig, *, tick: Tick = silent) -> DemandModel:
    """The whole model at the panel's cutoff."""
    past.prepare([past.panel.t], workers=config.workers, tick=tick)
    return past.model(past.panel.t)


def backtest(past: Rehearsals, config: DemandConfig, *, windows: int, tick: Tick = silent) -> pd.DataFrame:
    """The comparison table over the last `windows` cutoffs."""
    ends = cutoffs(past, config, windows)
    past.prepare(ends, workers=config.workers, tick=tick)
    models = {t: past.model(t) for t in ends}
    return compare(past.panel, models, horizon=past.horizon - config.delay, delay=config.delay)


def cutoffs(past: Rehearsals, config: DemandConfig, windows: int) -> list[int]:
    """The backtest's cutoffs, as periods on record; at least one rehearsal lies before the first."""
    horizon, least = past.horizon - config.delay, 2 * past.horizon + 4
    ends = rolling(past.panel.t, horizon=horizon, windows=windows, least=least)
    return [t - config.delay for t in ends]


def _member(name: Name, config: DemandConfig) -> Member:
    if name == "boosted":
        return Boosted(country=config.country, seed=config.seed, **_options(config.boosted))
    if name == "lstm":
        return Recurrent(loop=train, seed=config.seed, **_options(config.lstm))
    return Local(LOCAL[name])


def _options(settings: Settings) -> dict[str, Any]:
    return dict(settings.model_extra or {})
