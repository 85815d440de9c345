"""Promises: awards beside a ladder, paid in each draw or not.

An award on sales is decided by the draw of purchases. The others are decided by their measure at the
programme's end, which is drawn by rule from where it stands and from the last twelve months:

    collections   what is still to fall due is paid in time as the last year's was, spread as so many
                  invoices would be (beta law)
    outlets       those that did not buy yet do so in each coming month at the usual share (binomial law)
    turnover      so far, blended with the last twelve months by what is left, spread by `TURNOVER_SPREAD`

A measure of which nothing is on record is taken as not reached, and `unknown` says so.
Shapes: n rows, s draws; coins (models.rebate.ladder).
Limits: rules, not learned; measures of a row are drawn apart from its purchases.
Errors: none.

>>> rows = pd.DataFrame({"collections": [0.9], "due_amount": [80.0], "usual_collections": [0.95],
...     "usual_due_amount": [100.0], "days_elapsed": [300.0], "days_left": [65.0], "months_left": [2.0]})
>>> drawn = measured("collections", rows, 500, np.random.default_rng(0))
>>> bool((drawn >= 0.85).mean() > 0.95)
True
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.rebate.ladder import Coins, Ladder

Array = NDArray[np.float64]
TURNOVER_SPREAD = 0.15
_YEAR_DAYS = 365.25
_LEAST_WEIGHT = 4.0  # invoices: a beta law is never wider than that of so many


def award_coins(
    ladders: tuple[Ladder, ...], rows: pd.DataFrame, coins: Coins, units: Coins, rng: np.random.Generator
) -> tuple[Coins, NDArray[np.bool_]]:
    """What awards pay in each draw of purchases [n, s]; rows with an award of which nothing is known [n]."""
    paid = np.zeros(coins.shape, dtype=np.int64)
    unknown = np.zeros(len(rows), dtype=bool)
    drawn = {
        name: measured(name, rows, coins.shape[1], rng) for name in ("turnover", "outlets", "collections")
    }
    for row, ladder in enumerate(ladders):
        for award in ladder.awards:
            if award.measure == "sales":
                met = coins[row] >= int(award.threshold * int(units[row]))
            else:
                values = drawn[award.measure][row]
                unknown[row] |= bool(np.isnan(values).all())
                met = values >= float(award.threshold)
            rate, whole = int(award.award_rate * 1_000_000), int(award.award_amount * int(units[row]))
            share = (np.maximum(coins[row], 0) * rate + 500_000) // 1_000_000
            paid[row] += np.where(met, whole + share, 0)
    return paid, unknown


def measured(measure: str, rows: pd.DataFrame, count: int, rng: np.random.Generator) -> Array:
    """The measure at the programme's end, [n, s]; NaN where nothing is on record."""
    laws = {"collections": _collections, "outlets": _outlets, "turnover": _turnover}
    return laws[measure](rows, count, rng)


def _collections(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> Array:
    so_far, usual = _columns(rows, "collections", "usual_collections")
    known = np.isfinite(usual)
    centre = np.clip(np.where(known, usual, 0.5), 0.01, 0.99)
    invoices = np.maximum(_columns(rows, "months_left")[0], _LEAST_WEIGHT)
    shape = (len(rows), count)
    coming = rng.beta((centre * invoices)[:, None], ((1 - centre) * invoices)[:, None], shape)
    due, year, left = _columns(rows, "due_amount", "usual_due_amount", "days_left")
    still = year * left / _YEAR_DAYS
    weight = np.divide(due, due + still, out=np.zeros(len(rows)), where=due + still > 0)
    whole = weight[:, None] * np.nan_to_num(so_far)[:, None] + (1 - weight)[:, None] * coming
    return np.where(known[:, None], whole, np.nan)


def _outlets(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> Array:
    so_far, listed, month = _columns(rows, "outlets", "outlets_known", "outlets_month")
    left = np.ceil(_columns(rows, "months_left")[0])
    known = np.isfinite(so_far)
    listed = np.where(np.isfinite(listed), listed, np.nan_to_num(so_far))
    share = np.clip(np.nan_to_num(month) / np.maximum(listed, 1), 0, 1)
    chance = np.where(left > 0, 1 - (1 - share) ** left, 0.0)
    others = np.maximum(listed - np.nan_to_num(so_far), 0).astype(int)
    more = rng.binomial(others[:, None], chance[:, None], (len(rows), count))
    return np.where(known[:, None], np.nan_to_num(so_far)[:, None] + more, np.nan)


def _turnover(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> Array:
    so_far, usual, gone, left = _columns(rows, "turnover", "usual_turnover", "days_elapsed", "days_left")
    weight = gone / np.maximum(gone + left, 1)
    so_far = np.where(np.isfinite(so_far), so_far, usual)
    coming = np.where(np.isfinite(usual), usual, so_far)[:, None] * np.exp(
        TURNOVER_SPREAD * rng.standard_normal((len(rows), count))
    )
    return np.asarray(weight[:, None] * so_far[:, None] + (1 - weight)[:, None] * coming)


def _columns(rows: pd.DataFrame, *names: str) -> list[Array]:
    return [rows[name].to_numpy(float) for name in names]
