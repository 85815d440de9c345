"""Gallery: a handful of series worth looking at, each drawn as truth and fan, each with its reason.

The largest, a typical one, the one that gains most over the best planner's method, a lumpy one,
the one that misses by the most units, and a small one. A series is shown once, with all its reasons.

In:   Evidence with a history, and its scorecard.
Out:  Picture: unique_id, why, WAPE and the drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from models.metrics import bands
from training.charts import Window, fan
from training.scorecard import STACK, Evidence, best, segment_of

_YEARS_BEFORE = {"M": 2, "W": 1}  # of history drawn before the first window


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One series to look at."""

    unique_id: str
    why: str
    wape: float | None
    drawing: Markup


def gallery(evidence: Evidence, card: Mapping[str, Any]) -> list[Picture]:
    """Up to six pictures."""
    table = _series(evidence, best(card, "planner"))
    wapes = table["wape"].to_dict()
    return [_picture(evidence, name, wapes[name], why) for name, why in _picks(table).items()]


def _series(evidence: Evidence, planner: str | None) -> pd.DataFrame:
    """Units, error, WAPE, gain over the planner's method and segment of each series."""
    frame = evidence.frame.assign(segment=segment_of(evidence), units=evidence.frame["y"].abs())
    frame["error"] = (frame[STACK] - frame["y"]).abs()
    frame["gain"] = (frame[planner].fillna(0.0) - frame["y"]).abs() - frame["error"] if planner else 0.0
    table = frame.groupby("unique_id").agg(
        units=("units", "sum"), error=("error", "sum"), gain=("gain", "sum"), segment=("segment", "first")
    )
    return table.assign(wape=table["error"] / table["units"].where(table["units"] > 0))


def _picks(table: pd.DataFrame) -> dict[str, str]:
    large = table[table["units"] >= table["units"].median()]
    lumpy, gaining = table[table["segment"].str.endswith("lumpy")], table[table["gain"] > 0]
    typical = (large["wape"] - large["wape"].median()).abs().sort_values(kind="stable")
    ranked = {
        "the largest": table["units"].sort_values(ascending=False, kind="stable"),
        "typical of the larger ones": typical,
        "gains most over the planners' methods": gaining["gain"].sort_values(ascending=False, kind="stable"),
        "the largest that sells now and then": lumpy["units"].sort_values(ascending=False, kind="stable"),
        "misses by the most units": table["error"].sort_values(ascending=False, kind="stable"),
        "a small one": table["units"].sort_values(kind="stable").iloc[len(table) // 4 :],
    }
    picks: dict[str, str] = {}
    for why, order in ranked.items():
        for name in order.index[:1]:
            picks[name] = f"{picks[name]}, {why}" if name in picks else why
    return picks


def _picture(evidence: Evidence, name: str, wape: float, why: str) -> Picture:
    frame = evidence.frame[evidence.frame["unique_id"] == name]
    history = evidence.history[evidence.history["unique_id"] == name].set_index("ds")["y"]
    truth = history.combine_first(frame.drop_duplicates("ds").set_index("ds")["y"])
    freq = evidence.rhythm
    first = freq.shift(frame["cutoff"].min(), -freq.season * _YEARS_BEFORE[evidence.freq])
    first = max(first, truth.index.min())
    days = freq.range(first, 1 + freq.apart(frame["ds"].max(), first))
    known = truth.reindex(days).to_numpy(float)
    drawing = fan(days, known, _windows(frame, days), title=f"{name}: sold and forecast")
    return Picture(
        unique_id=str(name), why=why, wape=float(wape) if np.isfinite(wape) else None, drawing=drawing
    )


def _windows(frame: pd.DataFrame, days: pd.DatetimeIndex) -> list[Window]:
    """The forecasts of one series that do not overlap, counted back from the last."""
    windows: list[Window] = []
    for cutoff in sorted(frame["cutoff"].unique(), reverse=True):
        some = frame[frame["cutoff"] == cutoff].set_index("ds").sort_index()
        start, end = days.get_indexer(pd.DatetimeIndex([some.index[0], some.index[-1]])).tolist()
        if windows and end >= windows[-1].start:
            continue
        whole = some.reindex(days[start : end + 1])
        made = sorted(bands(whole).items(), reverse=True)
        pairs = [(whole[low].to_numpy(float), whole[up].to_numpy(float)) for _, (low, up) in made]
        windows.append(Window(start=start, mean=whole[STACK].to_numpy(float), bands=pairs))
    return windows[::-1]
