"""Metrics: how far forecasts were from what happened, one plain function each.

In:   y truths, f forecasts, q quantiles, scale: arrays of one shape, in units, one entry a
      series, cutoff and period; groups: one label an entry.
Out:  one number. WAPE, bias and coverage are fractions; MASE and RMSSE are ratios to a seasonal
      naive forecast inside the history; `pinball` is in units, `mean_pinball` a fraction of mean |y|.

An entry whose truth is NaN is left out everywhere. A NaN forecast makes its score NaN: nobody gains
by not answering. Where nothing is left to divide by (no truths, all zeros) the answer is NaN.

Source: Hyndman and Koehler (2006), Another look at measures of forecast accuracy (MASE);
        Makridakis, Spiliotis and Assimakopoulos (2022), M5 accuracy competition (RMSSE, here with
        the seasonal naive as its scale); Koenker and Bassett (1978), Regression quantiles (pinball).
Limits: WAPE and MASE reward a median, and on rarely sold products even zero: read bias, pinball
        and RMSSE beside them.

>>> y, f = np.array([10.0, 0.0, np.nan, 30.0]), np.array([8.0, 2.0, 5.0, 32.0])
>>> wape(y, f), bias(y, f)
(0.15, 0.05)
>>> aggregate_wape(y, f, np.array(["a", "a", "b", "b"]))
0.05
>>> coverage(y, f - 2, f + 1)
0.6666666666666666
"""

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.generic]


def wape(y: Array, f: Array) -> float:
    """Sum of absolute errors over the sum of absolute truths."""
    y, f = _known(y, f)
    return _ratio(np.abs(f - y).sum(), np.abs(y).sum())


def aggregate_wape(y: Array, f: Array, groups: Labels) -> float:
    """WAPE of the sums over each group (say, three months of one series at one cutoff)."""
    known = np.isfinite(y)
    codes = np.unique(groups[known], return_inverse=True)[1]
    return wape(_sums(codes, y[known]), _sums(codes, f[known]))


def bias(y: Array, f: Array) -> float:
    """Sum of (forecast - truth) over the sum of truths: positive when we promise too much."""
    y, f = _known(y, f)
    return _ratio((f - y).sum(), y.sum())


def mase(y: Array, f: Array, scale: Array) -> float:
    """Mean of |error| over `scale`, the seasonal naive's mean absolute error in the history.

    Entries without a scale (NaN, or 0: a history that repeats itself exactly) are left out.
    """
    y, f, scale = _scaled(y, f, scale)
    return float(np.mean(np.abs(f - y) / scale)) if len(y) else np.nan


def rmsse(y: Array, f: Array, scale: Array, groups: Labels) -> float:
    """Root mean squared error of each group over its `scale`, averaged over the groups.

    `scale` is the seasonal naive's root mean squared error in the history, in units; a group is
    one series at one cutoff.
    """
    labels = groups[np.isfinite(y) & (scale > 0)]
    y, f, scale = _scaled(y, f, scale)
    if not len(y):
        return np.nan
    codes = np.unique(labels, return_inverse=True)[1]
    return float(np.sqrt(np.bincount(codes, ((f - y) / scale) ** 2) / np.bincount(codes)).mean())


def pinball(y: Array, q: Array, level: float) -> float:
    """Mean loss, in units, of a quantile forecast: `level` a unit below the truth, 1 - level above."""
    y, q = _known(y, q)
    return float(np.maximum(level * (y - q), (level - 1) * (y - q)).mean()) if len(y) else np.nan


def mean_pinball(y: Array, q: Array, levels: ArrayLike) -> float:
    """Pinball averaged over the levels, as a fraction of mean |y|; q is [n, k] for k levels."""
    losses = [pinball(y, q[:, j], level) for j, level in enumerate(np.asarray(levels).tolist())]
    return _ratio(np.mean(losses), np.nanmean(np.abs(y)) if np.isfinite(y).any() else 0.0)


def coverage(y: Array, lower: Array, upper: Array) -> float:
    """Share of truths inside [lower, upper], both ends included."""
    known = np.isfinite(y)
    if np.isnan(lower[known]).any() or np.isnan(upper[known]).any() or not known.any():
        return np.nan
    return float(((lower <= y) & (y <= upper))[known].mean())


def naive_scales(y: Array, season: int) -> tuple[Array, Array]:
    """Mean absolute and root mean squared seasonal naive error of each history [n, t]: two [n], units.

    NaN where a history holds no two values `season` periods apart.

    >>> naive_scales(np.array([[1.0, 5.0, 3.0, np.nan, 7.0]]), season=2)
    (array([3.]), array([3.16227766]))
    """
    change = y[:, season:] - y[:, :-season]
    seen = np.isfinite(change)
    n = np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    change = np.where(seen, change, 0.0)
    return np.abs(change).sum(axis=1) / n, np.sqrt((change**2).sum(axis=1) / n)


def score_frame(frame: pd.DataFrame, columns: list[str], *, aggregate: int = 3) -> pd.DataFrame:
    """One row a method: how each of `columns` did on a backtest frame.

    In:   unique_id, ds, cutoff, y, the columns to score, and, if there, scale_mase and scale_rmsse
          (see `naive_scales`) and quantile columns q05 .. q95, which belong to the method `mean`.
    Out:  method, n (truths scored), missing (forecasts not given: they count as 0 units), wape,
          agg_wape (of sums over `aggregate` periods, whole groups only), bias, mase, rmsse,
          pinball, coverage_50, coverage_80 ... (NaN where they do not apply).

    >>> days = pd.to_datetime(["2024-02-01", "2024-03-01"])
    >>> frame = pd.DataFrame({"unique_id": "D/S", "ds": days, "cutoff": pd.Timestamp("2024-01-01"),
    ...     "y": [10.0, 30.0], "mean": [12.0, 29.0], "last_value": [20.0, 20.0]})
    >>> score_frame(frame, ["mean", "last_value"], aggregate=2)[["method", "wape", "agg_wape", "bias"]]
           method   wape  agg_wape   bias
    0        mean  0.075     0.025  0.025
    1  last_value  0.500     0.000  0.000
    """
    known = frame[frame["y"].notna()]
    rows = [{"method": name} | _point_scores(known, name, aggregate) for name in columns]
    table = pd.DataFrame(rows)
    for name, value in _band_scores(known).items() if "mean" in columns else ():
        table[name] = np.where(table["method"] == "mean", value, np.nan)
    return table


def quantile_levels(frame: pd.DataFrame) -> dict[str, float]:
    """The quantile columns of a frame and their levels, ascending.

    >>> quantile_levels(pd.DataFrame(columns=["y", "q90", "q05", "q97.5", "quality"]))
    {'q05': 0.05, 'q90': 0.9, 'q97.5': 0.975}
    """
    found = {c: float(c[1:]) / 100 for c in frame.columns if re.fullmatch(r"q\d\d(\.\d+)?", str(c))}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def bands(frame: pd.DataFrame) -> dict[float, tuple[str, str]]:
    """The central intervals that a frame's quantile columns make: nominal coverage -> lower, upper.

    >>> bands(pd.DataFrame(columns=["q05", "q25", "q75", "q95"]))
    {0.5: ('q25', 'q75'), 0.9: ('q05', 'q95')}
    """
    by_level = {round(level, 6): name for name, level in quantile_levels(frame).items()}
    found = {
        round(1 - 2 * level, 6): (name, by_level[round(1 - level, 6)])
        for level, name in by_level.items()
        if level < 0.5 and round(1 - level, 6) in by_level
    }
    return dict(sorted(found.items()))


def band(frame: pd.DataFrame, nominal: float) -> tuple[Array, Array]:
    """Lower and upper end of the band that promises `nominal`, units, one entry a row.

    The central one of `bands`; but where that begins at zero nothing lies below it, so it ends at the
    quantile `nominal` itself, linear between the stated levels: a shorter band with the same promise.

    >>> seldom = pd.DataFrame({"q10": [0.0, 4.0], "q75": [1.0, 8.0], "q90": [4.0, 9.0]})
    >>> [end.round(6).tolist() for end in band(seldom, 0.8)]
    [[0.0, 4.0], [2.0, 9.0]]
    """
    lower, upper = (_values(frame, name) for name in bands(frame)[nominal])
    levels = quantile_levels(frame)
    names, p = list(levels), list(levels.values())
    right = int(np.clip(np.searchsorted(p, nominal), 1, len(p) - 1))
    share = (nominal - p[right - 1]) / (p[right] - p[right - 1])
    one_sided = (1 - share) * _values(frame, names[right - 1]) + share * _values(frame, names[right])
    return lower, np.where(lower > 0, upper, one_sided)


def covered(frame: pd.DataFrame) -> dict[float, float]:
    """What each `band` of a frame promises -> the share of its truths `y` that it holds.

    >>> covered(pd.DataFrame({"y": [0.0, 3.0], "q10": [0.0, 4.0], "q75": [1.0, 8.0], "q90": [4.0, 9.0]}))
    {0.8: 0.5}
    """
    y = _values(frame, "y")
    return {nominal: coverage(y, *band(frame, nominal)) for nominal in bands(frame)}


def _sums(codes: NDArray[np.int64], values: Array) -> Array:
    return np.asarray(np.bincount(codes, values), dtype=np.float64)


def _known(y: Array, f: Array) -> tuple[Array, Array]:
    known = np.isfinite(y)
    return y[known], f[known]


def _scaled(y: Array, f: Array, scale: Array) -> tuple[Array, Array, Array]:
    keep = np.isfinite(y) & (scale > 0)
    return y[keep], f[keep], scale[keep]


def _ratio(part: float | np.floating, whole: float | np.floating) -> float:
    return float(part / whole) if whole else np.nan


def _values(frame: pd.DataFrame, column: str) -> Array:
    return frame[column].to_numpy(dtype=float, na_value=np.nan)


def _point_scores(known: pd.DataFrame, method: str, aggregate: int) -> dict[str, float]:
    y, f = _values(known, "y"), _values(known, method)
    missing = np.isnan(f)
    f = np.where(missing, 0.0, f)
    series, sums = _groups(known, aggregate)
    whole = sums >= 0
    scores = {"n": len(y), "missing": int(missing.sum()), "wape": wape(y, f)}
    scores |= {"agg_wape": aggregate_wape(y[whole], f[whole], sums[whole]), "bias": bias(y, f)}
    if "scale_mase" in known:
        scores["mase"] = mase(y, f, _values(known, "scale_mase"))
    if "scale_rmsse" in known:
        scores["rmsse"] = rmsse(y, f, _values(known, "scale_rmsse"), series)
    return scores


def _groups(frame: pd.DataFrame, aggregate: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels of the series at a cutoff, and of its sums of `aggregate` periods (-1: not a whole sum)."""
    series = np.asarray(frame.groupby(["unique_id", "cutoff"], sort=False).ngroup(), dtype=np.int64)
    step = np.asarray(frame.groupby("cutoff")["ds"].rank(method="dense"), dtype=np.int64) - 1
    horizon = int(step.max()) + 1 if len(step) else 0
    part = step // aggregate
    sums = series * (horizon // aggregate + 1) + part
    return series, np.where(part < horizon // aggregate, sums, -1)


def _band_scores(known: pd.DataFrame) -> dict[str, float]:
    y, levels, scores = _values(known, "y"), quantile_levels(known), {}
    if levels:
        q = known[list(levels)].to_numpy(dtype=float, na_value=np.nan)
        scores["pinball"] = mean_pinball(y, q, list(levels.values()))
    return scores | {f"coverage_{nominal * 100:g}": reached for nominal, reached in covered(known).items()}
