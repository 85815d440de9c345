"""Forecast value added: which step of the way made the forecast better, and whose edits do.

Stages, in order: `naive` (same month last year), `statistical` (mean of the planner-free smoothing
methods), `machine` (the room's mean), `override` (what the planner said last before the period began),
`final` (what was in force when it began). All stages are judged on the same cells, those that somebody
overrode: dealer, product and period whose truth is known. A stage adds the WAPE of the stage before it
less its own. An edit made after its period began is not judged: it may have seen the outcome.

A planner's value added is a rate: units of error saved over units at stake, in each cell the largest of
truth, machine and override. Edits of one decision stand or fall together, so the evidence is the edit, not
the cell: with D units saved and W at stake in an edit, D = rate x W + noise of variance v x W, v pooled over
planners. The raw rate is sum D / sum W with variance v / sum W; it is then drawn towards zero as far as
chance explains the differences: rates are normal around zero with a variance from the method of
moments (empirical Bayes).

In:   overrides (the canonical table), truth: dealer_id, sku_id, period_start, y.
Out:  `cells`, `stages`, `planners`: frames.
Source: Gilliland (2010), The Business Forecasting Deal (FVA); Efron and Morris (1973), JASA 68; moments as
        DerSimonian and Laird (1986), with a known mean of zero.
Limits: planners choose what they touch, so value added on touched cells says nothing of the others; with
        one edit a planner is drawn almost to zero, as it should be.
"""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.demand.overrides import CELL, in_force

Array = NDArray[np.float64]
STAGES = ("naive", "statistical", "machine", "override", "final")
_WIDE = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What can be judged of the overrides so far."""

    edits: pd.DataFrame  # one row a cell and edit: edit_id, author, machine, override, y
    cells: pd.DataFrame  # one row a cell: the stages, y, edit_id
    too_late: int  # rows made after their period began
    open: int  # rows whose truth is not known yet


def judge(overrides: pd.DataFrame, truth: pd.DataFrame) -> Judged:
    """Overrides beside what then happened."""
    known = overrides.dropna(subset=["machine_units"])
    early = known[known[["made_at", "known_at"]].max(axis=1) < known["period_start"]]
    told = early.merge(truth[[*CELL, "y"]].dropna(), on=CELL, how="inner")
    told = told.assign(edit_id=told["edit_id"].fillna(told["override_id"]))
    edits = told.rename(columns={"machine_units": "machine", "qty": "override"})
    last = edits.sort_values(["made_at", "known_at", "override_id"], kind="stable")
    cells = last.drop_duplicates(CELL, keep="last").reset_index(drop=True)
    cells = cells.rename(columns={"naive_units": "naive", "statistical_units": "statistical"})
    cells = cells.assign(final=_final(told, cells))
    return Judged(
        edits=edits[["edit_id", "author", *CELL, "machine", "override", "y"]],
        cells=cells[[*CELL, "edit_id", *STAGES, "y"]],
        too_late=len(known) - len(early),
        open=len(early) - len(told),
    )


def stages(cells: pd.DataFrame) -> pd.DataFrame:
    """stage, cells, wape, bias, value_added (low, high: 95 %) over the stage before."""
    present = [s for s in STAGES if cells[s].notna().any()]
    rows = cells.dropna(subset=present)
    sold = max(float(rows["y"].sum()), 1e-12)
    out, before = [], None
    for stage in present:
        error = rows[stage] - rows["y"]
        one = {
            "stage": stage,
            "cells": len(rows),
            "wape": error.abs().sum() / sold,
            "bias": error.sum() / sold,
        }
        out.append(one | _added(rows, before, stage))
        before = stage
    columns = ["stage", "cells", "wape", "bias", "value_added", "low", "high"]
    return pd.DataFrame(out, columns=columns)


def planners(edits: pd.DataFrame) -> pd.DataFrame:
    """author, edits, cells, raw_rate, value_added_rate (shrunk), low, high, probability (of adding value)."""
    saved = (edits["machine"] - edits["y"]).abs() - (edits["override"] - edits["y"]).abs()
    stake = edits[["y", "machine", "override"]].max(axis=1)
    each = edits.assign(saved=saved, stake=stake).groupby(["author", "edit_id"])[["saved", "stake"]].sum()
    each = each[each["stake"] > 0].reset_index()
    total = each.groupby("author")[["saved", "stake"]].sum()
    rate = (total["saved"] / total["stake"]).to_numpy()
    noise = _noise(each, total) / total["stake"].to_numpy()
    centre, error = shrunk(rate, noise)
    about = edits.groupby("author").agg(edits=("edit_id", "nunique"), cells=("y", "size")).loc[total.index]
    return about.assign(
        raw_rate=rate,
        value_added_rate=centre,
        low=centre - _WIDE * error,
        high=centre + _WIDE * error,
        probability=[_above_zero(c, e) for c, e in zip(centre, error, strict=True)],
    ).reset_index()


def shrunk(rate: Array, noise: Array) -> tuple[Array, Array]:
    """Rates drawn towards zero, and their standard errors, [p]; `noise` is each rate's own variance."""
    if not len(rate):
        return rate, noise
    weight = 1 / np.maximum(noise, 1e-300)
    spread = max(0.0, float((rate**2 * weight).sum() - len(rate)) / float(weight.sum()))
    kept = spread / (spread + noise) if spread > 0 else np.zeros(len(rate))
    return kept * rate, np.sqrt(kept * noise)


def _noise(each: pd.DataFrame, total: pd.DataFrame) -> float:
    """Variance of an edit's saved units for each at stake, pooled; around zero while all have one edit."""
    rate, free = each["author"].map(total["saved"] / total["stake"]), len(each) - len(total)
    left = each["saved"] - (rate * each["stake"] if free > 0 else 0.0)
    return float((left**2 / each["stake"]).sum()) / max(free if free > 0 else len(each), 1)


def _added(rows: pd.DataFrame, before: str | None, stage: str) -> dict[str, float]:
    """The stage's worth over the one before, with an interval by edits."""
    if before is None or rows.empty:
        return {"value_added": np.nan, "low": np.nan, "high": np.nan}
    saved = (rows[before] - rows["y"]).abs() - (rows[stage] - rows["y"]).abs()
    each = rows.assign(saved=saved).groupby("edit_id")[["saved", "y"]].sum()
    sold = max(float(each["y"].sum()), 1e-12)
    rate, count = float(each["saved"].sum()) / sold, len(each)
    left = each["saved"] - rate * each["y"]
    error = sqrt(float((left**2).sum()) * count / (count - 1)) / sold if count > 1 else np.nan
    return {"value_added": rate, "low": rate - _WIDE * error, "high": rate + _WIDE * error}


def _final(told: pd.DataFrame, cells: pd.DataFrame) -> Array:
    """What was in force when each cell's period began; the machine's where nothing was."""
    found = [in_force(rows, pd.Timestamp(str(begun))) for begun, rows in told.groupby("period_start")]
    force = pd.concat(found, ignore_index=True) if found else told.head(0)
    last = cells.merge(force[[*CELL, "qty"]], on=CELL, how="left")["qty"]
    return np.asarray(last.fillna(cells["machine"]).to_numpy(dtype=np.float64))


def _above_zero(centre: float, error: float) -> float:
    return 0.5 if error <= 0 else 0.5 * (1 + erf(centre / error / sqrt(2)))
