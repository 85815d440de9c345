"""Recipe of the demand room: from a panel to a model that may be released.

1. members     trees, network, statistical methods: fresh ones for every cutoff
2. rehearse    each is fitted at past cutoffs and asked for what then happened
3. blend       stack and spread learn from the rehearsals (models.demand.model)
4. backtest    the same at several cutoffs, beside the planners' methods; a cutoff is rehearsed once

Limits: a series needs a few observations for a forecast of its own (see models.demand.model).
"""

from functools import partial
from typing import Any

import pandas as pd

from features.errors import ChannelError
from features.panel import Panel
from features.rivals import within_reach
from models.demand.boosted import Boosted
from models.demand.croston import croston_sba, imapa, tsb
from models.demand.curve import Curve, priced
from models.demand.ets import ets
from models.demand.members import Local, Member
from models.demand.model import DemandModel
from models.demand.recurrent import Recurrent
from models.demand.theta import theta
from training.backtest import backtest as compare
from training.loop import train
from training.progress import Tick, silent
from training.rehearsal import LEAST_PERIODS, Rehearsals
from training.settings import DemandConfig, Name
from training.split import rolling

LOCAL = {"ets": ets, "theta": theta, "croston": croston_sba, "tsb": tsb, "imapa": imapa}


def members(config: DemandConfig, panel: Panel) -> dict[str, Member]:
    """Fresh members, in the order of the settings; without prices there is no curve."""
    speak = [name for name in config.members if name != "curve" or priced(panel)]
    if not speak:
        raise ChannelError(
            "The only member is curve, which needs prices; name others (members) or load prices."
        )
    return {name: _member(name, config) for name in speak}


def rehearsals(panel: Panel, horizon: int, config: DemandConfig) -> Rehearsals:
    """Where members are tried; what reaches us late makes them look further ahead."""
    windows = config.replays[panel.freq.letter]
    steps = horizon + config.delay
    panel = within_reach(panel, steps)
    return Rehearsals(panel=panel, horizon=steps, make=partial(members, config, panel), windows=windows)


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
    horizon, least = past.horizon - config.delay, past.horizon + LEAST_PERIODS + config.delay
    ends = rolling(past.panel.t, horizon=horizon, windows=windows, least=least)
    return [t - config.delay for t in ends]


def _member(name: Name, config: DemandConfig) -> Member:
    trees: dict[str, Any] = dict(config.boosted)
    network: dict[str, Any] = dict(config.lstm)
    if name == "curve":
        return Curve(seed=config.seed)
    if name == "boosted":
        return Boosted(country=config.country, seed=config.seed, **trees)
    if name == "lstm":
        return Recurrent(loop=train, country=config.country, seed=config.seed, **network)
    return Local(LOCAL[name])
