"""Scorecard: a backtest in numbers, whole and in parts, as one dictionary that JSON can hold.

methods       each method's metrics and role (stack, member, planner)
by_horizon    the same, period by period ahead
by_segment    the same, per volume class x lumpiness (models.demand.segments, as they stood at the
              first cutoff), with the segment's series and share of units
improvement   the share of each other method's WAPE that the stack takes away, with its 95 % paired
              bootstrap interval over series
coverage      promised and reached share of truths inside each band: overall, by horizon, by segment
worst_series  the series with the largest errors, in units

A number that does not apply is None. Rows without a truth are left out.
Errors: MissingColumns (a named method is not in the frame), TooFewRows (nothing to judge).

>>> days = pd.date_range("2023-01-01", periods=15, freq="MS")
>>> history = pd.DataFrame({"unique_id": "D/S", "ds": days, "y": 10.0})
>>> frame = history.tail(3).assign(cutoff=days[11], mean=11.0, last_value=15.0)
>>> card = scorecard(Evidence(frame=frame, history=history, freq="M", members=(), planners=("last_value",)))
>>> card["methods"]["mean"]["wape"], card["improvement"][0]["improvement"]
(0.1, 0.8)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.errors import MissingColumns, TooFewRows
from features.frequency import Frequency, frequency
from models.demand.segments import Segments
from models.metrics import covered, score_frame
from training.bootstrap import wape_gap

STACK = "mean"
SUMS = {"M": 3, "W": 4}  # periods in the sums that planners order by
N_WORST = 12
_SEED = 0
_NEW = "new"  # no history before the first cutoff
Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a report is written from."""

    frame: pd.DataFrame  # backtest: unique_id, ds, cutoff, y, mean, q05 .. q95, members, planners
    history: pd.DataFrame  # unique_id, ds, y: all that is known, before and after the cutoffs
    freq: str  # "M" or "W"
    members: Sequence[str]  # columns of the frame
    planners: Sequence[str]

    def __post_init__(self) -> None:
        needed = {"unique_id", "ds", "cutoff", "y", STACK, *self.members, *self.planners}
        if missing := needed - set(self.frame.columns):
            raise MissingColumns("backtest", missing, map(str, self.frame.columns))
        known = self.frame[self.frame["y"].notna()].reset_index(drop=True)
        if known.empty:
            raise TooFewRows("A report", 1, 0)
        ahead = known.groupby("cutoff")["ds"].rank(method="dense").astype(int)
        object.__setattr__(self, "frame", known.assign(horizon=ahead))

    @property
    def rhythm(self) -> Frequency:
        """Months or weeks."""
        return frequency(self.freq)

    @property
    def sums(self) -> int:
        """How many periods the sums hold: a month or a quarter, or all that is asked when that is less."""
        return min(SUMS[self.freq], int(self.frame["horizon"].max()))

    @property
    def others(self) -> list[str]:
        """Every method that is not the stack."""
        return [*self.members, *self.planners]

    def role(self, method: str) -> str:
        """What a column is: the stack, a member of it, or a planner's method."""
        return "stack" if method == STACK else "member" if method in self.members else "planner"


def scorecard(evidence: Evidence) -> dict[str, Any]:
    """All numbers of a report."""
    frame = evidence.frame.assign(segment=segment_of(evidence))
    methods = _scores(frame, evidence)
    return {
        "freq": evidence.freq,
        "horizon": int(frame["horizon"].max()),
        "sums": evidence.sums,
        "cutoffs": [f"{day:%Y-%m-%d}" for day in sorted(frame["cutoff"].unique())],
        "n_series": int(frame["unique_id"].nunique()),
        "n": len(frame),
        "methods": {row.pop("method"): row for row in methods},
        "improvement": _improvements(frame, evidence),
        "by_horizon": _by(frame, "horizon", evidence),
        "by_segment": _by(frame, "segment", evidence),
        "coverage": {
            "overall": _covered(frame),
            "by_horizon": _covered_by(frame, "horizon"),
            "by_segment": _covered_by(frame, "segment"),
        },
        "worst_series": _worst(frame, evidence),
    }


def best(card: Mapping[str, Any], role: str) -> str | None:
    """The method of that role with the lowest WAPE."""
    scored = {m: r["wape"] for m, r in card["methods"].items() if r["role"] == role}
    known = {m: w for m, w in scored.items() if w is not None}
    return min(known, key=lambda m: known[m]) if known else None


def segment_of(evidence: Evidence) -> "pd.Series[str]":
    """Segment of each row of the frame, from what its series had sold before the first cutoff."""
    frame, history = evidence.frame, evidence.history
    past = history[history["ds"] <= frame["cutoff"].min()]
    past = past[past["unique_id"].isin(frame["unique_id"])]
    wide = past.pivot_table(index="unique_id", columns="ds", values="y", aggfunc="sum", min_count=1)
    if wide.empty:
        return pd.Series(_NEW, index=frame.index)
    y, season = wide.to_numpy(float), evidence.rhythm.season
    names = pd.Series(Segments().fit(y, season).names(y, season), index=wide.index)
    return frame["unique_id"].map(names).fillna(_NEW).astype(str)


def _scores(frame: pd.DataFrame, evidence: Evidence) -> Rows:
    table = score_frame(frame, [STACK, *evidence.others], aggregate=evidence.sums)
    return [{"role": evidence.role(row["method"]), **_plain(row)} for row in table.to_dict("records")]


def _by(frame: pd.DataFrame, part: str, evidence: Evidence) -> Rows:
    units, rows = frame["y"].abs().sum(), []
    for name, some in frame.groupby(part, sort=True):
        about = {
            part: _scalar(name),
            "n_series": int(some["unique_id"].nunique()),
            "unit_share": _scalar(some["y"].abs().sum() / units) if units else None,
        }
        rows += [about | row for row in _scores(some, evidence)]
    return rows


def _improvements(frame: pd.DataFrame, evidence: Evidence) -> Rows:
    rows = []
    for other in evidence.others:
        gap = wape_gap(frame, STACK, other, seed=_SEED)
        numbers = {
            "improvement": gap.improvement,
            "low": gap.improvement_low,
            "high": gap.improvement_high,
            "wape": gap.theirs,
        }
        rows.append({"over": other, "role": evidence.role(other), **_plain(numbers)})
    return rows


def _covered(frame: pd.DataFrame) -> Rows:
    held = covered(frame).items()
    return [{"nominal": share, "reached": _scalar(reached), "n": len(frame)} for share, reached in held]


def _covered_by(frame: pd.DataFrame, part: str) -> Rows:
    parts = frame.groupby(part, sort=True)
    return [{part: _scalar(name), **row} for name, some in parts for row in _covered(some)]


def _worst(frame: pd.DataFrame, evidence: Evidence) -> Rows:
    """The series that miss by the most units, largest first."""
    errors = {m: (frame[m].fillna(0.0) - frame["y"]).abs() for m in (STACK, *evidence.planners)}
    parts = frame[["unique_id", "segment"]].assign(
        units=frame["y"].abs(), miss=frame[STACK] - frame["y"], **{f"|{m}": e for m, e in errors.items()}
    )
    sums = parts.groupby(["unique_id", "segment"], sort=True).sum().reset_index()
    total = sums[f"|{STACK}"].sum()
    top = sums.sort_values(f"|{STACK}", ascending=False, kind="stable").head(N_WORST)
    return [_series_row(row, total, evidence) for row in top.to_dict("records")]


def _series_row(row: Mapping[Any, Any], total: float, evidence: Evidence) -> dict[str, Any]:
    units = row["units"] or np.nan
    wapes = {m: row[f"|{m}"] / units for m in (STACK, *evidence.planners)}
    return {
        "unique_id": str(row["unique_id"]),
        "segment": row["segment"],
        **_plain({"units": row["units"], "error_units": row[f"|{STACK}"]}),
        **_plain({"error_share": row[f"|{STACK}"] / total if total else np.nan}),
        **_plain({"bias": row["miss"] / units}),
        "wape": _plain(wapes),
    }


def _plain(numbers: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _scalar(value) for name, value in numbers.items()}


def _scalar(value: Any) -> Any:
    """As JSON has it: short floats, None for what is not a number."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), 6) if math.isfinite(value) else None
    return value
