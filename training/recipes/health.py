"""Recipe of the health room: from tables to a model that may be released.

1. rows       every dealer at past cutoffs: its condition then, and whether it declined in six months
2. evidence   later cutoffs judged by models of earlier ones, whose outcomes were known by then
3. model      belief in decline from all cutoffs, scales and frontier from where dealers stand now

Dealers without half a year of history, or silent for half a year, are answered by the rate of their
kind and left out of the evidence: telling that they are weak is no skill.
Errors: features.standing.NoSales, features.errors.TooFewRows.
"""

from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from features.condition import COLUMNS
from features.errors import TooFewRows
from features.industries import industry
from features.known import Tables
from features.sheets import naive
from features.standing import Books
from models.health.decline import Decline
from models.health.model import HealthModel
from models.health.rows import AHEAD, past_rows
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent

TASK = "decline_6m"
LEAST_DEALERS = 5


class Config(RoomConfig):
    """Settings of the room (configs/health.yaml)."""

    room: ClassVar[str] = "health"
    industry: str = "general"
    every_months: Annotated[int, Field(ge=1, le=6)] = 1  # between past cutoffs
    judged_cutoffs: Annotated[int, Field(ge=1, le=12)] = 4  # the last ones whose outcome is known
    judged_every: Annotated[int, Field(ge=1, le=6)] = 2  # of the past cutoffs is judged
    most_rows: Annotated[int, Field(ge=500)] = 30_000  # to learn from; whole dealers are left out beyond
    seed: int = 0


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how models of earlier moments did."""
    moment, books = naive(moment), Books.of(tables)
    standing = books.at(moment)
    if len(standing.dealer_ids) < LEAST_DEALERS:
        raise TooFewRows("The health room (dealers with sell-in)", LEAST_DEALERS, len(standing.dealer_ids))
    rows = past_rows(books, moment, every_months=config.every_months)
    rows = rows if len(rows) else past_rows(books, moment, every_months=1)
    rows = _thinned(rows, config)
    tick("rows of past cutoffs")
    evidence = judged(rows, config)
    tick("evidence")
    model = HealthModel(industry=industry(config.industry), seed=config.seed).fit(rows, standing)
    about = {
        "rows": len(rows),
        "outcomes": int(rows["y"].notna().sum()),
        "cutoffs": int(rows["cutoff"].nunique()),
        "dealers": len(standing.dealer_ids),
        "trees_share": model.decline_.propensity_.share_,
        "fallback": "expert weights: too few declines on record" if model.decline_.is_expert_ else "",
        "missing": [note for note in standing.notes if note.startswith("no_")],
    }
    return Fitted(model=model, evidence=evidence, about=about)


def judged(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Held-out cutoffs, each judged by a model of rows whose six months were over by then."""
    known = rows[(rows["kind"] == "usual") & rows["y"].notna()]
    cutoffs = np.sort(known["cutoff"].unique())[::-1][:: config.judged_every][: config.judged_cutoffs]
    parts = [_judged_at(pd.Timestamp(cutoff), rows, known, config) for cutoff in cutoffs[::-1]]
    return pd.concat(parts, ignore_index=True) if parts else _evidence(known.iloc[:0], np.empty(0))


def _judged_at(cutoff: pd.Timestamp, rows: pd.DataFrame, known: pd.DataFrame, config: Config) -> pd.DataFrame:
    earlier = rows[rows["cutoff"] <= cutoff - pd.DateOffset(months=AHEAD)]
    asked = known[known["cutoff"] == cutoff]
    if earlier.empty:
        return _evidence(asked.iloc[:0], np.empty(0))
    belief = Decline(seed=config.seed).fit(earlier)
    return _evidence(asked, belief.predict(asked[list(COLUMNS)], asked["kind"].to_numpy()))


def _evidence(rows: pd.DataFrame, probability: np.ndarray) -> pd.DataFrame:
    told = rows[["dealer_id", "cutoff", "y", "territory_id", "tier"]].rename(columns={"dealer_id": "subject"})
    return told.assign(
        task=TASK,
        probability=probability,
        baseline_recency=rows["overdue_ratio"].fillna(0.0),
        baseline_last_trend=-rows["trend_6"].fillna(rows["trend_3"]).fillna(0.0),
    ).reset_index(drop=True)


def _thinned(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """All rows of so many dealers, drawn at random, that about `most_rows` remain."""
    if len(rows) <= config.most_rows:
        return rows
    names = np.sort(rows["dealer_id"].unique())
    share = config.most_rows / len(rows)
    kept = np.random.default_rng(config.seed).choice(names, max(int(len(names) * share), 1), replace=False)
    return rows[rows["dealer_id"].isin(kept)].reset_index(drop=True)
