"""Recipe of the inventory room: from tables to a model that may be released.

1. rehearse   at past cutoffs: what the demand room's draws and the dealers' own past said of the days until
              an order of the next review could arrive, and what was then sold
2. evidence   later cutoffs judged by beliefs of those whose days were over by then
3. model      belief from all cutoffs

Evidence: `stock_out`, did demand outrun stock and deliveries on their way; `order_cost`, what a level of the
critical ratio would have cost, in units short or over weighted by it, over the usual demand of the days.
Periods in which a dealer ran out count with the demand that was missed (models.inventory.censored); their
share is in `about`. Realised lead times are not on record: the days run to the mean one.

The rehearsed demand model has the trees alone (`members`): the draws that answer later come from the whole
demand room, and may be better than what was rehearsed.
Errors: features.errors.TooFewRows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import norm

from features.draws import Draws
from features.errors import TooFewRows
from features.frequency import Frequency
from features.gather import gather
from features.industries import industry
from features.known import Tables, known
from features.sheets import naive
from features.shelves import Shelves
from models.inventory.belief import Belief, Past, pinball
from models.inventory.lead import wanted
from models.inventory.levels import critical_ratio, newsvendor
from models.inventory.model import MOST_PERIODS, InventoryModel
from models.inventory.plan import costs_of
from models.inventory.sources import Sources, filled
from models.inventory.terms import Defaults, terms
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent
from training.recipes import demand
from training.rehearsal import Rehearsals
from training.settings import DemandConfig, Name

LEAST_PERIODS = 18
Array = np.ndarray[Any, np.dtype[np.float64]]
Rate = Annotated[float, Field(ge=0, lt=1)]
Days = Annotated[float, Field(gt=0, le=730)]


class Every(RoomConfig):
    """Periods between past cutoffs, in months and in weeks."""

    M: Annotated[int, Field(ge=1)] = 1
    W: Annotated[int, Field(ge=1)] = 4


class Assumed(RoomConfig):
    """What is assumed of a line that the tables say nothing of."""

    lead_time_days: Days = 14
    lead_time_spread_rate: Annotated[float, Field(ge=0, le=2)] = 0.3
    review_days: Days = 30
    moq_units: Annotated[float, Field(ge=0)] = 0
    order_cost_amount: Annotated[float, Field(ge=0)] = 0
    holding_rate: Annotated[float, Field(gt=0, le=5)] = 0.25
    margin_rate: Rate = 0.3


class Config(RoomConfig):
    """Settings of the room (configs/inventory.yaml)."""

    room: ClassVar[str] = "inventory"
    industry: str = "general"
    assumed: Assumed = Assumed()
    draws: Annotated[int, Field(ge=20, le=2000)] = 200
    cutoffs: Annotated[int, Field(ge=1, le=24)] = 8
    judged_cutoffs: Annotated[int, Field(ge=0, le=12)] = 4
    every: Every = Every()
    forecast: bool = True
    members: tuple[Name, ...] = ("boosted",)
    rounds: Annotated[int, Field(ge=10)] = 200
    replays: Annotated[int, Field(ge=1)] = 3
    most_lines: Annotated[int, Field(ge=100)] = 5_000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """One past cutoff: what was known, said and done."""

    past: Past
    lines: pd.DataFrame  # terms and stock then
    sold: Array  # [n, t] then, cut periods filled
    days: Array  # [n]
    period_days: float


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how beliefs of earlier moments did."""
    moment = naive(moment)
    seen = known(tables, moment)
    now = Shelves.of(seen)
    if now.sold.shape[1] < LEAST_PERIODS:
        raise TooFewRows("The inventory room (periods of sales)", LEAST_PERIODS, now.sold.shape[1])
    done = _rehearsed(tables, seen, now, config, tick)
    evidence = judged(done, config)
    tick("evidence")
    model = InventoryModel(
        industry=industry(config.industry),
        defaults=Defaults(**config.assumed.model_dump()),
        draws=config.draws,
        seed=config.seed,
    ).fit([one.past for one in done], moment)
    cut = now.short & np.isfinite(now.sold)
    about = {
        "lines": len(now.keys),
        "cutoffs": len(done),
        "outcomes": model.belief_.rows_,
        "forecast_weight": model.belief_.weight_,
        "cut_periods_rate": round(float(cut.sum() / max(np.isfinite(now.sold).sum(), 1)), 4),
        "forecast": any(one.past.forecast is not None for one in done),
        "missing": list(now.notes),
    }
    return Fitted(model=model, evidence=evidence, about=about)


def judged(done: Sequence[Rehearsed], config: Config) -> pd.DataFrame:
    """The last cutoffs, each judged by a belief of those whose days were over by then."""
    parts = []
    for one in done[-config.judged_cutoffs :] if config.judged_cutoffs else []:
        earlier = [other.past for other in done if other.past.ends <= one.past.cutoff]
        if earlier:
            draws = Belief().fit(earlier).predict(one.past.forecast, one.past.history, one.past.segment)
            parts += [_stock_outs(one, draws), _order_costs(one, draws)]
    columns = ["task", "subject", "cutoff", "territory_id", "tier", "y", "probability", "loss"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _rehearsed(tables: Tables, seen: Tables, now: Shelves, config: Config, tick: Tick) -> list[Rehearsed]:
    """Past cutoffs in order of time."""
    every, total = (config.every.M if now.freq.letter == "M" else config.every.W), now.sold.shape[1]
    ends = [t for t in range(total - 1, LEAST_PERIODS // 2, -every)][: config.cutoffs][::-1]
    forecaster = _forecaster(seen, now.freq, config) if config.forecast else None
    kept = _kept(now.keys, config)
    done = []
    for t in ends:
        cutoff = now.freq.shift(now.first, t)
        draws = None if forecaster is None else _draws(forecaster, cutoff, config)
        done.append(_at(cutoff, known(tables, cutoff), draws, now, config, kept))
        tick(f"{cutoff:%Y-%m-%d}")
    return [one for one in done if one is not None and np.isfinite(one.past.y).any()]


def _at(
    cutoff: pd.Timestamp,
    then: Tables,
    draws: Draws | None,
    now: Shelves,
    config: Config,
    kept: pd.MultiIndex,
) -> Rehearsed | None:
    """One cutoff; nothing of `then` was known later, `now` says what followed."""
    if not len(then.get("sell_out", ())) and not len(then.get("sell_in", ())):
        return None
    shelves = Shelves.of(then, now.freq)
    periods = MOST_PERIODS[now.freq.letter]
    sources = Sources.of(shelves, draws, periods=periods, count=config.draws, seed=config.seed)
    chosen = np.flatnonzero(pd.MultiIndex.from_frame(sources.keys).isin(kept))
    sources = sources.take(chosen)
    defaults = Defaults(**config.assumed.model_dump())
    lines = terms(sources.keys, then, sources.start, defaults)
    place = pd.MultiIndex.from_frame(shelves.keys).get_indexer(pd.MultiIndex.from_frame(sources.keys))
    position = np.where(place >= 0, (shelves.on_hand + np.nan_to_num(shelves.in_transit))[place], np.nan)
    forecast, history, _, days = sources.raw(lines.assign(lead_time_spread_days=0.0))
    if forecast is not None:
        history = np.where(np.isfinite(history), history, forecast)
    y = _followed(sources.keys, sources.start, days.mean(axis=1), now)
    past = Past(
        cutoff=cutoff,
        ends=sources.start + pd.Timedelta(days=float(np.ceil(days.max()))),
        forecast=forecast,
        history=np.nan_to_num(history),
        y=y,
        segment=sources.segment,
        costs=costs_of(lines),
    )
    sold = filled(shelves)[place]
    return Rehearsed(
        past=past,
        lines=lines.assign(position=position),
        sold=np.where(place[:, None] >= 0, sold, np.nan),
        days=days.mean(axis=1),
        period_days=shelves.period_days,
    )


def _followed(keys: pd.DataFrame, start: pd.Timestamp, days: Array, now: Shelves) -> Array:
    """Units wanted in the days from `start`, as far as they are on record, [n]; else NaN."""
    step = now.freq.apart(start, now.first)
    after = filled(now)[:, step:]
    if after.shape[1] == 0:
        return np.full(len(keys), np.nan)
    ahead = now.freq.range(start, after.shape[1] + 1)
    draws = Draws(keys=now.keys, periods=ahead[:-1], units=after[:, :, None].astype(np.float32))
    place = pd.MultiIndex.from_frame(now.keys).get_indexer(pd.MultiIndex.from_frame(keys))
    units = wanted(draws.take(np.maximum(place, 0)), days[:, None])[:, 0]
    over = days <= (ahead[-1] - start) / pd.Timedelta(days=1)
    return np.asarray(np.where((place >= 0) & over, units, np.nan))


def _forecaster(seen: Tables, freq: Frequency, config: Config) -> Rehearsals | None:
    """The demand room's recipe on the same tables; None where it cannot learn."""
    if "sell_in" not in seen or seen["sell_in"].empty:
        return None
    settings = DemandConfig.parse(
        {
            "members": list(config.members),
            "boosted": {"rounds": config.rounds},
            "replays": {freq.letter: config.replays},
            "workers": 1,
            "seed": config.seed,
        }
    )
    horizon = settings.horizon[freq.letter]
    return demand.rehearsals(gather(seen, freq), horizon, settings)


def _draws(past: Rehearsals, cutoff: pd.Timestamp, config: Config) -> Draws | None:
    """Draws of the model as of a cutoff; None where there was too little to learn from."""
    t = past.panel.position(past.panel.freq.shift(cutoff, -1))
    if t > past.panel.t or t < 2 * past.horizon + LEAST_PERIODS // 2:
        return None
    try:
        past.prepare([t])
        model = past.model(t)
    except TooFewRows:
        return None
    panel = past.kept[t].panel.carry_plans(past.horizon)
    return model.draws(panel, count=config.draws, seed=config.seed)


def _kept(keys: pd.DataFrame, config: Config) -> pd.MultiIndex:
    """The lines that are learned from: all, or so many drawn at random."""
    index = pd.MultiIndex.from_frame(keys)
    if len(index) <= config.most_lines:
        return index
    rows = np.random.default_rng(config.seed).choice(len(index), config.most_lines, replace=False)
    return index[np.sort(rows)]


def _stock_outs(one: Rehearsed, draws: Array) -> pd.DataFrame:
    """Did demand outrun what was there and on its way?"""
    position, y = one.lines["position"].to_numpy(float), one.past.y
    known_ = np.isfinite(position) & np.isfinite(y)
    lately = _mean(one.sold, 3) / one.period_days * one.days
    mean, sd = _usual(one)
    return _told("stock_out", one, known_).assign(
        y=(y > position).astype(float)[known_],
        probability=_running_out(draws, position)[known_],
        baseline_days_of_stock=(lately / np.maximum(position, 1.0))[known_],
        baseline_normal=norm.sf((position - mean) / np.maximum(sd, 1e-9))[known_],
    )


def _order_costs(one: Rehearsed, draws: Array) -> pd.DataFrame:
    """What levels would have cost, over the usual demand of the days."""
    costs = costs_of(one.lines)
    ratio = critical_ratio(costs.short, costs.over)
    mean, sd = _usual(one)
    known_ = np.isfinite(one.past.y) & (mean > 0)
    cover = one.period_days / 2  # planners hold half a month on top
    levels = {
        "loss": newsvendor(draws, ratio),
        "baseline_mean_12": mean * (1 + cover / one.days),
        "baseline_normal": mean + norm.ppf(ratio) * sd,
    }
    cost = {name: pinball(one.past.y, q, ratio) / np.maximum(mean, 1e-9) for name, q in levels.items()}
    return _told("order_cost", one, known_).assign(**{name: value[known_] for name, value in cost.items()})


def _told(task: str, one: Rehearsed, rows: Any) -> pd.DataFrame:
    lines = one.lines[rows].reset_index(drop=True)
    subject = lines["dealer_id"] + "/" + lines["sku_id"]
    return pd.DataFrame({"task": task, "subject": subject, "cutoff": one.past.cutoff}).join(
        lines[["territory_id", "tier"]]
    )


def _usual(one: Rehearsed) -> tuple[Array, Array]:
    """Mean and standard deviation of the days' demand by the last year's periods."""
    share = one.days / one.period_days
    last = one.sold[:, -12:]
    some = np.isfinite(last).sum(axis=1) > 1
    sd = np.zeros(len(last))
    sd[some] = np.nanstd(last[some], axis=1, ddof=1)
    return _mean(one.sold, 12) * share, sd * np.sqrt(share)


def _mean(sold: Array, periods: int) -> Array:
    last = sold[:, -periods:]
    seen = np.isfinite(last)
    return np.asarray(np.where(seen, last, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))


def _running_out(draws: Array, position: Array) -> Array:
    return np.asarray((draws > position[:, None]).mean(axis=1))
