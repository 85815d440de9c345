"""Recipe of the growth room: from tables to tiers, movement and support.

1. tiers       scale and cuts from where dealers stand now; months replayed with hysteresis
2. evidence    movement and leaving at later months, told by models of earlier ones; scale and cuts there are
               those of the earlier moment, so nothing later has touched them
3. model       movement learned from all months

Errors: features.standing.NoSales, features.errors.TooFewRows.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from features.errors import TooFewRows
from features.industries import industry
from features.known import Tables
from features.sheets import naive
from features.standing import Books
from models.growth.model import GrowthModel
from models.growth.moving import AHEAD, COLUMNS, EVENTS, Moving
from models.growth.support import CATALOGUE, Action
from models.growth.tiers import change_rate, flip_flop_rate
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent

LEAST_DEALERS = 5
TASKS = {"up": "tier_up_6m", "down": "tier_down_6m", "left": "churn_6m"}
_BASELINES = {"up": "gap_up", "down": "gap_down", "left": "silence_months"}


class Config(RoomConfig):
    """Settings of the room (configs/growth.yaml)."""

    room: ClassVar[str] = "growth"
    industry: str = "general"
    band: Annotated[float, Field(ge=0, le=20)] = 3.0  # points around a cut
    confirm: Annotated[int, Field(ge=1, le=12)] = 3  # months in a row before a tier changes
    judged_months: Annotated[int, Field(ge=1, le=12)] = 4  # held out for the evidence
    judged_every: Annotated[int, Field(ge=1, le=6)] = 2  # of the months is judged
    most_rows: Annotated[int, Field(ge=500)] = 30_000  # to learn from
    support: tuple[Action, ...] = CATALOGUE
    seed: int = 0


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how models of earlier moments did."""
    moment, books = naive(moment), Books.of(tables)
    count = len(books.at(moment).dealer_ids)
    if count < LEAST_DEALERS:
        raise TooFewRows("The growth room (dealers with sell-in)", LEAST_DEALERS, count)
    model = _fresh(config)
    seen, tiers = model.prepare(books, moment)
    rows = _thinned(model.rows(seen, tiers), config)
    model.fit(rows)
    tick("model")
    evidence = judged(books, moment, config)
    tick("evidence")
    few = [TASKS[event] for event in EVENTS if model.moving_.beliefs_[event].is_expert_]
    about = {
        "rows": len(rows),
        "dealers": count,
        "flip_flop_rate": round(flip_flop_rate(tiers), 5),
        "change_rate": round(change_rate(tiers), 5),
        "cuts": [round(float(cut), 2) for cut in model.cuts_],
        "fallback": f"expert weights: {', '.join(few)}" if few else "",
    }
    return Fitted(model=model, evidence=evidence, about=about)


def judged(books: Books, moment: pd.Timestamp, config: Config) -> pd.DataFrame:
    """Later months told by a model of months whose outcomes were known before the first of them."""
    last = books.at(moment).months[-1]
    span = AHEAD + config.judged_every * (config.judged_months - 1)
    first = last - pd.DateOffset(months=span)  # the first judged month
    try:
        then = _fresh(config)
        past, tiers = then.prepare(books, first + pd.DateOffset(months=1))
    except ValueError:  # nothing was known so early
        return _evidence([])
    learned = _thinned(then.rows(past, tiers), config)
    if learned.empty or not learned[[f"y_{event}" for event in EVENTS]].notna().any(axis=None):
        return _evidence([])
    belief = Moving(seed=config.seed).fit(learned)
    later = _fresh(config)
    later.scale_, later.cuts_ = then.scale_, then.cuts_
    rows = _replayed(later, books, moment)
    wanted = pd.date_range(first, last, freq=pd.DateOffset(months=config.judged_every))
    asked = rows[rows["cutoff"].isin(wanted[: config.judged_months])]
    told = belief.predict(asked[list(COLUMNS)])
    return _evidence([_task(event, asked, told) for event in EVENTS])


def _replayed(model: GrowthModel, books: Books, moment: pd.Timestamp) -> pd.DataFrame:
    from models.growth.paths import paths

    seen = paths(books, moment, model.industry, model.scale_)
    return model.rows(seen, model.tiers(seen))


def _task(event: str, asked: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    name = _BASELINES[event]
    sign = 1.0 if event == "left" else -1.0
    frame = asked[["cutoff", "territory_id", "tier"]].assign(
        subject=asked["dealer_id"], task=TASKS[event], y=asked[f"y_{event}"], probability=told[event]
    )
    return frame.assign(**{f"baseline_{name}": sign * asked[name].fillna(99.0)})[frame["y"].notna()]


def _evidence(parts: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["task", "subject", "cutoff", "y", "probability", "territory_id", "tier"]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns}).assign(baseline_rate=0.0)
    return pd.concat(parts, ignore_index=True)


def _fresh(config: Config) -> GrowthModel:
    about: dict[str, Any] = {"band": config.band, "confirm": config.confirm, "seed": config.seed}
    return GrowthModel(industry=industry(config.industry), catalogue=config.support, **about)


def _thinned(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """All rows of so many dealers, drawn at random, that about `most_rows` remain."""
    if len(rows) <= config.most_rows:
        return rows
    names = np.sort(rows["dealer_id"].unique())
    share = config.most_rows / len(rows)
    kept = np.random.default_rng(config.seed).choice(names, max(int(len(names) * share), 1), replace=False)
    return rows[rows["dealer_id"].isin(kept)].reset_index(drop=True)
