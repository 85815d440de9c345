"""Recipe of the price room: from tables to a model that may be released.

1. rows       what each dealer paid for each product in each period, and how much it moved
2. evidence   units at the prices of later months, by responses to earlier ones, beside the line's own
              median and its own log-log regression without shrinkage
3. model      the response from all rows, and the rules that prices are made by

The evidence judges the response and not the prices: no table says what another price would have brought.
The benchmark does, on simulated channels whose truth is known (docs/rooms/price.md).
Errors: models.price.rows.NoPrices, features.errors.TooFewRows.
"""

from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from features.errors import TooFewRows
from features.industries import industry
from features.known import Tables, known
from features.sheets import naive
from models.price.decide import Rules
from models.price.model import PriceModel
from models.price.rows import CALENDAR, Market
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent

TASK = "units_at_price"
LEAST_LINES = 5
LEAST_PERIODS = 12
_LEAST_OWN = 8  # rows that a line's own regression needs
Rate = Annotated[float, Field(ge=0, lt=1)]


class Config(RoomConfig):
    """Settings of the room (configs/price.yaml)."""

    room: ClassVar[str] = "price"
    industry: str = "general"
    margin_floor_rate: Rate = 0.05  # of the price
    step_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05  # of the price of now, at most at once
    least_probability: Annotated[float, Field(ge=0.5, lt=1)] = (
        0.6  # that the margin rises, or the price stays
    )
    half_life_years: Annotated[float, Field(gt=0)] = 1.0  # of what the past says of a line's level
    judged_cutoffs: Annotated[int, Field(ge=1, le=6)] = 2  # the last ones whose months are known
    judged_periods: Annotated[int, Field(ge=1, le=26)] = 3  # after each of them
    most_rows: Annotated[int, Field(ge=500)] = 200_000  # to learn from; whole dealers are left out beyond
    seed: int = 0


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how responses to earlier periods did."""
    market = Market.of(known(tables, naive(moment)))
    market = _thinned(market, config)
    rows, lines = market.rows, market.rows["unique_id"].nunique()
    if lines < LEAST_LINES:
        raise TooFewRows("The price room (dealers and products with prices)", LEAST_LINES, lines)
    if rows["step"].nunique() < LEAST_PERIODS:
        raise TooFewRows("The price room (periods with prices)", LEAST_PERIODS, rows["step"].nunique())
    tick("rows")
    model = _model(config)
    evidence = judged(market, model, config)
    tick("evidence")
    model.fit(market, moment)
    pooled = model.response_.pooled_
    slopes = pooled.shrunk_.series[:, 0] if pooled else np.zeros(1)
    about = {
        "rows": len(rows),
        "lines": lines,
        "elasticity_median": round(float(np.median(slopes)), 3),
        "elasticity_negative_share": float((slopes < 0).mean()),
        "pooled_share": model.response_.share_,
        "smearing": round(model.response_.factor_, 4),
        "missing": [f"no_{name}" for name in ("product_costs", "freights") if not len(tables.get(name, ()))],
    }
    return Fitted(model=model, evidence=evidence, about=about)


def judged(market: Market, model: PriceModel, config: Config) -> pd.DataFrame:
    """Mean absolute error of each line in later periods, over its usual units."""
    last = int(market.rows["step"].max())
    starts = last - config.judged_periods * np.arange(config.judged_cutoffs, 0, -1)
    parts = [_judged_at(int(start), market, model, config) for start in starts if start >= LEAST_PERIODS]
    names = ["task", "subject", "cutoff", "loss", "baseline_median", "baseline_own_log_log"]
    told = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
    return told.assign(**{name: told.get(name, "") for name in ("territory_id", "tier")})


def _judged_at(start: int, market: Market, model: PriceModel, config: Config) -> pd.DataFrame:
    rows = market.rows
    earlier = rows[rows["step"] <= start]
    usual = earlier.groupby("unique_id")["y"].mean()
    asked = rows[(rows["step"] > start) & (rows["step"] <= start + config.judged_periods)]
    asked = asked[asked["unique_id"].map(usual).fillna(0.0) > 0]
    response = model.response(market).fit(earlier)
    said = {
        "loss": response.means(asked),
        "baseline_median": asked["unique_id"].map(earlier.groupby("unique_id")["y"].median()).to_numpy(float),
        "baseline_own_log_log": own_log_log(earlier, asked, [d.name for d in market.drivers]),
    }
    size, y = asked["unique_id"].map(usual).to_numpy(float), asked["y"].to_numpy(float)
    errors = pd.DataFrame({name: np.abs(y - mean) / size for name, mean in said.items()})
    means = errors.groupby(asked["unique_id"].to_numpy()).mean().rename_axis("subject").reset_index()
    static = market.panel.static.set_index(pd.Index(market.panel.ids)).reindex(means["subject"])
    places = {name: static[name].to_numpy() for name in ("territory_id", "tier") if name in static}
    cutoff = market.panel.freq.shift(market.panel.first, start + 1)
    return means.assign(task=TASK, cutoff=cutoff, **places)


def own_log_log(earlier: pd.DataFrame, asked: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Each line's own regression of logarithms on the price and promotions, its level where rows are few."""
    used = [name for name in names if name not in CALENDAR]
    out = np.zeros(len(asked))
    place = asked.groupby("unique_id").indices
    for name, rows in earlier[earlier["y"] > 0].groupby("unique_id"):
        if name in place:
            out[place[name]] = _own(rows, asked.iloc[place[name]], used)
    return out


def _own(rows: pd.DataFrame, asked: pd.DataFrame, used: list[str]) -> np.ndarray:
    z, centre = np.log(rows["y"].to_numpy(float)), rows[used].mean().to_numpy(float)
    if len(rows) < _LEAST_OWN:
        return np.full(len(asked), float(np.exp(z.mean())))
    X = np.column_stack([np.ones(len(rows)), rows[used].to_numpy(float) - centre])
    beta = np.linalg.lstsq(X, z, rcond=None)[0]
    moved = (asked[used].to_numpy(float) - centre) @ beta[1:]
    return np.asarray(np.exp(beta[0] + np.clip(moved, -3.0, 3.0)))


def _model(config: Config) -> PriceModel:
    pack = industry(config.industry)
    rules = Rules(
        margin_floor_rate=config.margin_floor_rate,
        step_rate=config.step_rate,
        least_probability=config.least_probability,
        spread_rate=pack.price.spread_rate,
    )
    return PriceModel(industry=pack, rules=rules, half_life_years=config.half_life_years, seed=config.seed)


def _thinned(market: Market, config: Config) -> Market:
    """Rows of so many dealers, drawn at random, that about `most_rows` remain."""
    from dataclasses import replace

    if len(market.rows) <= config.most_rows:
        return market
    dealers = market.rows["unique_id"].str.rsplit("/", n=1).str[0]
    names = np.sort(dealers.unique())
    count = max(int(len(names) * config.most_rows / len(market.rows)), 1)
    kept = np.random.default_rng(config.seed).choice(names, count, replace=False)
    return replace(market, rows=market.rows[dealers.isin(kept)].reset_index(drop=True))
