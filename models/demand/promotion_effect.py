"""Promotion effect: what a promotion or a price did to sales, with an interval.

The same log-log regression within series as `elasticity` (series and period means taken out), pooled over
all series, with the uncertainty it lacks: cluster-robust by dealer, because a dealer's months and products
resemble each other. Meant for sell-out (`gather(..., quantity="sell_out")`), where a promotion that only
moves stock from the brand to the dealer does not show.

In:   a panel with plans. Out: one row a plan: coefficient, low, high (of the log of a price, or of the
      promotion's value), `at` (a tenth off for a price; for a promotion its mean when there is one), and the
      factor on units there: factor, factor_low, factor_high.
Source: Cameron and Miller (2015), A practitioner's guide to cluster-robust inference, J. Human Resources 50;
        t with (dealers - 1) degrees of freedom.
Errors: TooFewRows (fewer than two dealers with plans that differ).
Limits: observational: a promotion that always meets something else takes its credit; months that sold
        nothing are left out; events common to all series are left to the calendar; a stock-out hides part.

>>> from features.frequency import MONTHLY
>>> rng = np.random.default_rng(0)
>>> deal = (rng.random((40, 36)) < 0.2).astype(float)
>>> y = 50 * np.exp(0.4 * deal + rng.normal(0, 0.1, deal.shape))
>>> static = pd.DataFrame({"dealer_id": [f"D{i // 2}" for i in range(40)], "sku_id": "S"})
>>> panel = Panel(static=static, first=pd.Timestamp("2022-01-01"), freq=MONTHLY, y=y, plans={"deal": deal})
>>> effects(panel)[["plan", "coefficient", "factor"]].round(1).values.tolist()
[['deal', 0.4, 1.5]]
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from features.errors import TooFewRows
from features.panel import Panel, is_price
from models.demand.elasticity import within

Array = NDArray[np.float64]
_TENTH_OFF = float(np.log(0.9))
_LEAST_SHARE = 1e-4  # of a plan's variance must be its own, as in `elasticity`


def effects(panel: Panel, *, level: float = 0.95) -> pd.DataFrame:
    """Effect of each plan that says something, with the interval that holds it with probability `level`."""
    names, x, z, used = _designed(panel)
    own, raw = within(x, used[..., None]), np.where(used[..., None], x, 0.0)
    speaks = own.var(axis=(0, 1)) > raw.var(axis=(0, 1)) * _LEAST_SHARE
    names, own = [name for name, said in zip(names, speaks, strict=True) if said], own[..., speaks]
    dealers = pd.factorize(panel.static["dealer_id"].astype(str))[0]
    clusters = len(np.unique(dealers[used.any(axis=1)]))
    if clusters < 2 or not names:
        raise TooFewRows(
            "An effect with an interval: dealers with plans that differ", 2, min(clusters, len(names))
        )
    beta, error = _robust(own, within(z[..., None], used[..., None])[..., 0], dealers)
    reach = error * float(student.ppf(0.5 + level / 2, clusters - 1))
    at = np.array([_where(panel, name) for name in names])
    frame = pd.DataFrame(
        {"plan": names, "coefficient": beta, "low": beta - reach, "high": beta + reach, "at": at}
    )
    bounds = np.sort(np.exp(np.stack([frame["low"], frame["high"]]) * at), axis=0)
    return frame.assign(factor=np.exp(beta * at), factor_low=bounds[0], factor_high=bounds[1])


def _designed(panel: Panel) -> tuple[list[str], Array, Array, NDArray[np.bool_]]:
    """Names [p], plans [n, t, p], log units [n, t], and which cells have all of them."""
    names = sorted(panel.plans)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.log(np.where(panel.y > 0, panel.y, np.nan))
        layers = [np.log(p) if is_price(k) else p for k, p in sorted(panel.plans.items())]
    shape = (*panel.y.shape, 0)
    x = np.stack([v[:, : panel.t] for v in layers], axis=2) if layers else np.empty(shape)
    return names, x, z, np.isfinite(z) & np.isfinite(x).all(axis=2)


def _robust(x: Array, z: Array, cluster: NDArray[np.intp]) -> tuple[Array, Array]:
    """Least squares and its standard errors, clusters free within."""
    bread = np.linalg.pinv(np.einsum("ntp,ntq->pq", x, x))
    beta = bread @ np.einsum("ntp,nt->p", x, z)
    score = np.einsum("ntp,nt->np", x, z - x @ beta)
    pooled = np.zeros((cluster.max() + 1, len(beta)))
    np.add.at(pooled, cluster, score)
    count = int((np.abs(pooled).sum(axis=1) > 0).sum())
    spread = bread @ (pooled.T @ pooled) @ bread * count / max(count - 1, 1)
    return beta, np.sqrt(np.diag(spread))


def _where(panel: Panel, name: str) -> float:
    """Where the factor is told: a tenth off, or the mean of a promotion when there is one."""
    if is_price(name):
        return _TENTH_OFF
    values = panel.plans[name][:, : panel.t]
    some = values[np.isfinite(values) & (values != 0)]
    return float(some.mean()) if some.size else 1.0
