"""Condition: what a dealer's last months say, as one row of numbers.

In:   a Standing (d dealers, t months).
Out:  [d] rows, columns below; NaN where there is nothing to say. Logs are natural; a log ratio of
      amounts adds a twentieth of the dealer's usual month to both sides, so that zero is no abyss.

sales       size_log, active_size_log (log of a mean month; of a month with purchases), lately_log,
            order_size_log, recency_months (0: bought in the last month), purchase_rate_12, purchase_rate_6,
            gap_months (usual time between purchases), overdue_ratio (recency over it), volatility,
            tenure_months (12 at the most)
growth      trend_3 (last 3 months against the last 12, season taken out), trend_6 (last 6 against the 6
            before), last_ratio (last month against the last 12), yoy_6, territory_trend,
            reference_gap (last 6 months against the months that the coming 6 are compared with)
breadth     skus_log, breadth_change
stock       stock_days, short_rate, loading (log of units in over units out, last 6 months), returns_rate
collections late_days_log, late_days_lately_log, late_rate, overdue_rate
coverage    outlet_rate (active in 3 months, of those known), outlet_change

Season: the share of each calendar month in the sales of the dealers that bought in all of the last 24
months, drawn half-way to even; without 24 months, none.

>>> from features.simulator import World, simulate
>>> from features.standing import Books
>>> books = Books.of(simulate(World(dealers=3, products=2, months=24)).tables)
>>> standing = books.at(pd.Timestamp("2026-01-01"))
>>> condition(standing).shape == (3, len(COLUMNS))
True
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.standing import Standing

Array = NDArray[np.float64]

YEAR, HALF = 12, 6
_FLOOR = 0.05  # of a usual month
_EVEN = 0.5  # how far a seasonal index is drawn to 1
SALES = (
    *("size_log", "active_size_log", "lately_log", "order_size_log", "recency_months", "purchase_rate_12"),
    *("purchase_rate_6", "gap_months", "overdue_ratio", "volatility", "tenure_months"),
)
GROWTH = ("trend_3", "trend_6", "last_ratio", "yoy_6", "territory_trend", "reference_gap")
BREADTH = ("skus_log", "breadth_change")
STOCK = ("stock_days", "short_rate", "loading", "returns_rate")
COLLECTIONS = ("late_days_log", "late_days_lately_log", "late_rate", "overdue_rate")
COVERAGE = ("outlet_rate", "outlet_change")
COLUMNS = (*SALES, *GROWTH, *BREADTH, *STOCK, *COLLECTIONS, *COVERAGE)


def condition(standing: Standing) -> pd.DataFrame:
    """One row a dealer, by dealer_id."""
    columns = _sales(standing) | _growth(standing) | _breadth(standing)
    columns |= _stock(standing) | _collections(standing) | _coverage(standing)
    return pd.DataFrame(columns, index=standing.dealer_ids)[list(COLUMNS)]


def history_months(standing: Standing) -> Array:
    """Months since the first purchase, that one included, [d]; 0 where there was none."""
    months: Array = np.isfinite(standing.layers["units"]).sum(axis=1).astype(float)
    return months


def recency_months(standing: Standing) -> Array:
    """Months since the last purchase, [d]; 0 is the last month, NaN never."""
    bought = np.nan_to_num(standing.layers["units"]) > 0
    since = bought[:, ::-1].argmax(axis=1).astype(float)
    return np.where(bought.any(axis=1), since, np.nan)


def reference(sales: Array, ahead: int = HALF) -> Array:
    """What sales of the coming `ahead` months are compared with, [d].

    The same months a year ago where all of them lie in the dealer's history, else the last `ahead` months
    (those there are, scaled up). NaN before the first purchase.
    """
    past = _window(sales, ahead, 0)
    same = sales[:, -YEAR : sales.shape[1] - YEAR + ahead] if sales.shape[1] >= YEAR else sales[:, :0]
    full = np.isfinite(same).all(axis=1) if same.shape[1] == ahead else np.zeros(len(sales), bool)
    lately: Array = _mean(past) * ahead
    if full.any():
        lately[full] = same[full].sum(axis=1)
    return lately


def season(sales: Array, months: pd.DatetimeIndex) -> Array:
    """Seasonal factor of each of the t months, mean 1 over a year, [t]; then of the next 12, [t + 12]."""
    t = sales.shape[1]
    ahead = np.arange(t + YEAR)
    month = (months[0].month - 1 + ahead) % YEAR
    if t < 2 * YEAR:
        return np.ones(t + YEAR)
    steady = (np.nan_to_num(sales[:, -2 * YEAR :]) > 0).all(axis=1)
    total = sales[steady, -2 * YEAR :].reshape(-1, 2, YEAR) if steady.any() else np.ones((1, 2, YEAR))
    share = (total / total.sum(axis=2, keepdims=True)).mean(axis=(0, 1)) * YEAR
    factor = np.ones(YEAR)
    factor[month[t - YEAR : t]] = 1 + (share - 1) * _EVEN
    factors: Array = factor[month]
    return factors


def _sales(s: Standing) -> dict[str, Array]:
    sales, bought = s.layers["sales"], np.nan_to_num(s.layers["units"]) > 0
    recency, age = recency_months(s), history_months(s)
    times = bought.sum(axis=1)
    gap = np.where(times > 0, (age - np.nan_to_num(recency)) / np.maximum(times, 1), np.nan)
    year = _window(sales, YEAR, 0)
    orders = _sum(_window(s.layers["orders"], YEAR, 0))
    active = np.where(bought[:, -YEAR:], year, np.nan)
    usual = _mean(year)
    return {
        "size_log": np.log1p(usual),
        "active_size_log": np.log1p(_mean(active)),
        "lately_log": np.log1p(_sum(_window(sales, 3, 0))),
        "order_size_log": np.log1p(_ratio(_sum(year), orders)),
        "recency_months": recency,
        "purchase_rate_12": _share(bought, s.layers["units"], YEAR),
        "purchase_rate_6": _share(bought, s.layers["units"], HALF),
        "gap_months": gap,
        "overdue_ratio": (recency + 1) / gap,
        "volatility": _ratio(np.sqrt(_mean((year - usual[:, None]) ** 2)), usual),
        "tenure_months": np.where(age > 0, np.minimum(age, YEAR), np.nan),
    }


def _growth(s: Standing) -> dict[str, Array]:
    sales = s.layers["sales"]
    adjusted = sales / season(sales, s.months)[: sales.shape[1]]
    usual = _mean(_window(sales, YEAR, 0))
    last = _window(sales, HALF, 0)
    return {
        "trend_3": _log_ratio(_mean(_window(adjusted, 3, 0)), _mean(_window(adjusted, YEAR, 0)), usual),
        "trend_6": _log_ratio(_mean(last), _mean(_window(sales, HALF, HALF)), usual),
        "last_ratio": _log_ratio(_mean(_window(adjusted, 1, 0)), _mean(_window(adjusted, YEAR, 0)), usual),
        "yoy_6": _log_ratio(_mean(last), _whole_mean(_window(sales, HALF, YEAR)), usual),
        "territory_trend": _territory_trend(s, adjusted),
        "reference_gap": _log_ratio(_mean(last), reference(sales) / HALF, usual),
    }


def _territory_trend(s: Standing, adjusted: Array) -> Array:
    """Log ratio of the last 3 months to the 12 of all dealers of the territory."""
    place = s.dealers["territory_id"].to_numpy()
    now, year = (np.nan_to_num(_mean(_window(adjusted, k, 0))) for k in (3, YEAR))
    sums = pd.DataFrame({"now": now, "year": year}).groupby(place).transform("sum")
    known = (place != "") & (sums["year"].to_numpy() > 0)
    ratio = np.where(known, sums["now"] / sums["year"].where(known, 1.0), 1.0)
    return np.log(np.maximum(ratio, _FLOOR))


def _breadth(s: Standing) -> dict[str, Array]:
    skus = np.where(np.nan_to_num(s.layers["units"]) > 0, s.layers["skus"], np.nan)
    lately, year = _mean(_window(skus, 3, 0)), _mean(_window(skus, YEAR, 0))
    return {"skus_log": np.log1p(year), "breadth_change": np.log(_ratio(lately, year))}


def _stock(s: Standing) -> dict[str, Array]:
    layers = s.layers
    sold, bought = _window(layers["sold_out"], HALF, 0), _window(layers["units"], HALF, 0)
    left, usual = _mean(sold), _mean(bought)
    pace = np.where(np.isfinite(left), left, usual)
    on_hand = _last(_window(layers["on_hand"], 3, 0))
    returned = _sum(_window(layers["returned"], YEAR, 0))
    paired = np.where(np.isfinite(sold), bought, np.nan)
    return {
        "stock_days": np.minimum(_ratio(on_hand * 30.4, pace), 365.0),
        "short_rate": _ratio(_sum(_window(layers["short"], 3, 0)), _sum(_window(layers["stocked"], 3, 0))),
        "loading": _log_ratio(_mean(paired), left, usual),
        "returns_rate": _ratio(returned, _sum(_window(layers["units"], YEAR, 0))),
    }


def _collections(s: Standing) -> dict[str, Array]:
    paid = s.facts
    return {
        "late_days_log": np.log1p(paid["late_days"].to_numpy(float)),
        "late_days_lately_log": np.log1p(paid["late_days_lately"].to_numpy(float)),
        "late_rate": paid["late_rate"].to_numpy(float),
        "overdue_rate": np.minimum(paid["overdue_rate"].to_numpy(float), 2.0),
    }


def _coverage(s: Standing) -> dict[str, Array]:
    outlets = s.layers["outlets"]
    lately, year = _mean(_window(outlets, 3, 0)), _mean(_window(outlets, YEAR, 0))
    rate = _ratio(lately, s.facts["outlets_known"].to_numpy(float))
    return {"outlet_rate": np.minimum(rate, 1.0), "outlet_change": _log_ratio(lately, year, year)}


def _window(values: Array, months: int, before: int) -> Array:
    """The last `months` months that end `before` months ago, [d, <= months]."""
    end = max(values.shape[1] - before, 0)
    return values[:, max(end - months, 0) : end]


def _sum(values: Array) -> Array:
    return np.where(np.isfinite(values).any(axis=1), np.nansum(values, axis=1), np.nan)


def _mean(values: Array) -> Array:
    count = np.isfinite(values).sum(axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def _whole_mean(values: Array) -> Array:
    """The mean where every month is there."""
    whole = np.isfinite(values).all(axis=1) & (values.shape[1] == HALF)
    return np.where(whole, _mean(values), np.nan)


def _last(values: Array) -> Array:
    """The last number in each row."""
    found = np.isfinite(values)
    place = values.shape[1] - 1 - found[:, ::-1].argmax(axis=1)
    return np.where(found.any(axis=1), values[np.arange(len(values)), place], np.nan)


def _share(bought: NDArray[np.bool_], seen: Array, months: int) -> Array:
    counted = np.isfinite(_window(seen, months, 0)).sum(axis=1)
    times = bought[:, -months:].sum(axis=1)
    return np.where(counted > 0, times / np.maximum(counted, 1), np.nan)


def _ratio(above: Array, below: Array) -> Array:
    ratio: Array = np.divide(above, below, out=np.full(len(below), np.nan), where=np.nan_to_num(below) > 0)
    return ratio


def _log_ratio(above: Array, below: Array, usual: Array) -> Array:
    floor = np.where(np.nan_to_num(usual) > 0, usual * _FLOOR, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log((above + floor) / (below + floor))
