"""Recipe of the rebate room: from tables to a model that may be released.

1. belief     past windows of every account's purchases, beside its pace (models.rebate.remaining)
2. evidence   programmes that are over: at cutoffs inside them, a model of what was known then says what
              will be reached; what was reached is known now
3. model      the same belief, from all that is known

Tasks of the evidence
  tier_reached    the next tier of a dealer's programme, not yet reached at the cutoff
  higher_tier     the tiers above it
  accrual         what the programme paid, awards and cap included: distance from the median that was
                  foretold, over what the ladder pays at its highest threshold (a loss)
beside them the run rate (purchases to date, stretched over the whole time) and the same months of last
year (purchases to date and what the rest of the time brought a year before).

The evidence uses no demand forecast: that room's model of today has seen the outcomes. With its draws the
first three months are said by it (benchmarks/rebate_attainment.py measures both).
Errors: features.standing.NoSales, features.errors.TooFewRows.
"""

from decimal import Decimal
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from features.errors import TooFewRows
from features.known import Tables
from features.rebates import Progress, Statements
from features.sheets import naive
from features.standing import NoSales
from models.rebate.model import Belief, RebateModel
from training.config import RoomConfig
from training.fitted import EVIDENCE, Fitted
from training.progress import Tick, silent

Array = NDArray[np.float64]
BASELINES = ("baseline_run_rate", "baseline_last_year")
MEASURED = ("outlets", "turnover", "collections")
COLUMNS = [*EVIDENCE, "loss", *BASELINES]
_DAY = pd.Timedelta(days=1)


class Config(RoomConfig):
    """Settings of the room (configs/rebate.yaml)."""

    room: ClassVar[str] = "rebate"
    judged_cutoffs: Annotated[int, Field(ge=0, le=24)] = 6  # the last ones inside programmes that are over
    judged_every_months: Annotated[int, Field(ge=1, le=12)] = 2
    trees: Annotated[int, Field(ge=10, le=500)] = 60
    most_rows: Annotated[int, Field(ge=1_000)] = 12_000  # past windows to learn from
    confidence: Annotated[float, Field(ge=0.5, le=0.99)] = 0.9  # that plans keep their budget
    seed: int = 0


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how models of earlier moments did."""
    moment, statements = naive(moment), Statements.of(tables)
    progress = statements.at(moment)
    model = make(config).fit(progress)
    tick("belief")
    evidence = judged(statements, moment, config)
    tick("evidence")
    about = {
        "accounts": len(progress.accounts),
        "running": len(progress.rows),
        "cutoffs": int(evidence["cutoff"].nunique()),
        "missing": [name for name in ("rebate_programmes", "rebate_awards", "prices") if name not in tables],
    }
    return Fitted(model=model, evidence=evidence, about=about)


def make(config: Config) -> RebateModel:
    """A fresh model."""
    return RebateModel(
        trees=config.trees, most_rows=config.most_rows, seed=config.seed, confidence=config.confidence
    )


def judged(statements: Statements, moment: pd.Timestamp, config: Config) -> pd.DataFrame:
    """Rows of evidence at each cutoff, oldest first."""
    cutoffs = past_cutoffs(statements, moment, config)
    parts = [judged_at(statements, cutoff, moment, config) for cutoff in cutoffs]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=COLUMNS).astype({"y": float, "probability": float, "loss": float})
    return pd.concat(parts, ignore_index=True)


def past_cutoffs(statements: Statements, moment: pd.Timestamp, config: Config) -> list[pd.Timestamp]:
    """First days of months inside programmes that are over, the last so many."""
    told = statements.seen("rebate_programmes", moment)
    if told.empty or not config.judged_cutoffs:
        return []
    over = told[told["ends_at"] + _DAY <= moment]
    if over.empty:
        return []
    months = list(pd.date_range(over["starts_at"].min(), over["ends_at"].max(), freq="MS"))
    inside = [m for m in months if ((over["starts_at"] <= m) & (m <= over["ends_at"])).any()]
    return inside[::-1][:: config.judged_every_months][: config.judged_cutoffs][::-1]


def judged_at(
    statements: Statements,
    cutoff: pd.Timestamp,
    moment: pd.Timestamp,
    config: Config,
    draws: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What a model of the cutoff said of programmes that are over now, and what they came to."""
    try:
        progress = statements.at(cutoff)
        model = make(config).fit(progress)
    except (NoSales, TooFewRows):
        return pd.DataFrame(columns=COLUMNS)
    over = np.flatnonzero(progress.rows["ends_at"] + _DAY <= moment)
    asked = progress.take(over.tolist())
    if not len(asked.rows):
        return pd.DataFrame(columns=COLUMNS)
    belief = model.believe(asked, draws)
    came = statements.outcome(belief.progress, moment)
    simple = simple_totals(belief.progress)
    told = pd.concat([tier_rows(belief, came, simple), accrual_rows(belief, came, simple)], ignore_index=True)
    return told.assign(cutoff=cutoff).reindex(columns=COLUMNS)


def simple_totals(progress: Progress) -> dict[str, Array]:
    """What the planners' rules expect of each row's whole programme, [n]."""
    rows = progress.rows
    bought = rows["amount_to_date"].to_numpy(float)
    gone = rows["days_elapsed"].to_numpy(float)
    whole = gone + rows["days_left"].to_numpy(float)
    past = progress.amounts[rows["account"]]
    year = past[:, -12:].sum(axis=1) / 365.25 * whole
    share = np.divide(whole, gone, out=np.zeros(len(rows)), where=gone >= 28)
    left = np.ceil(rows["months_left"].to_numpy(float)).astype(int)
    ago = [past[i, max(past.shape[1] - 12, 0) :][: left[i]].sum() for i in range(len(rows))]
    return {
        "baseline_run_rate": np.where(gone >= 28, bought * share, year),
        "baseline_last_year": bought + np.array(ago, dtype=float),
    }


def tier_rows(belief: Belief, came: pd.DataFrame, simple: dict[str, Array]) -> pd.DataFrame:
    """One row a dealer, programme and tier that was not reached at the cutoff."""
    held, told = belief.ladders, belief.told
    thresholds = held.thresholds / held.coins_per_unit[:, None]
    row, tier = np.nonzero(np.isfinite(told.probability))
    ahead = tier >= told.tier[row]
    row, tier = row[ahead], tier[ahead]
    at = thresholds[row, tier]
    frame = _subjects(belief.progress, row)
    following = tier == told.tier[row]
    number = np.char.add("/", (tier + 1).astype(str))
    frame["subject"] = frame["subject"] + np.where(following, "", number)
    frame["task"] = np.where(following, "tier_reached", "higher_tier")
    frame["y"] = (came["amount"].to_numpy()[row] >= at - 1e-6).astype(float)
    frame["probability"] = told.probability[row, tier]
    for name, total in simple.items():
        frame[name] = total[row] / np.maximum(at, 1e-9)
    return frame


def accrual_rows(belief: Belief, came: pd.DataFrame, simple: dict[str, Array]) -> pd.DataFrame:
    """One row a dealer and programme: how far what was foretold is from what was paid."""
    held = belief.ladders
    paid = actual_rebates(belief, came)
    top = [float(one.pay(one.tiers[-1].threshold_amount).ladder) for one in held.ladders]
    scale = np.maximum(np.array(top), 1e-9)
    frame = _subjects(belief.progress, np.arange(len(paid)))
    frame["task"] = "accrual"
    frame["loss"] = np.abs(belief.told.p50 - paid) / scale
    for name, total in simple.items():
        guess = held.coins(held.to_coins(total[:, None]))[:, 0] / held.coins_per_unit
        frame[name] = np.abs(guess - paid) / scale
    return frame


def actual_rebates(belief: Belief, came: pd.DataFrame) -> Array:
    """What each programme paid in the end, exactly, [n]."""
    records = came.to_dict("records")
    exact = [
        one.pay(
            Decimal(str(round(row["amount"], 6))), {k: row[k] for k in ("outlets", "turnover", "collections")}
        )
        for one, row in zip(belief.ladders.ladders, records, strict=True)
    ]
    return np.array([float(paid.total) for paid in exact])


def _subjects(progress: Progress, row: NDArray[np.intp]) -> pd.DataFrame:
    rows = progress.rows.iloc[row].reset_index(drop=True)
    account = progress.accounts.iloc[rows["account"]].reset_index(drop=True)
    subject = rows["dealer_id"].astype(str) + "/" + rows["programme_id"].astype(str)
    return pd.DataFrame(
        {"subject": subject, "territory_id": account["territory_id"], "tier": account["tier"]}
    )
