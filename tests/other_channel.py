"""Another channel: a second, deliberately different generator, to see whether what was learned travels.

Gamma-distributed sizes and lumpy orders, no season, no quarter ends, no prices, no sell-out; a product
line is bought by few or many; ids are words. Scans are made by inspectors who check a fixed number of
units in each territory and month, drawn from what is on offer there. A diverting dealer buys more of
one or all products and ships them to one territory, where everybody sells less.
"""

import numpy as np
import pandas as pd


def other_channel(
    seed: int,
    *,
    dealers: int = 150,
    months: int = 24,
    checks: int = 60,
    strength: float = 1.0,
    cases: int = 12,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Tables (dealers, sell_in, trace_scans) and the true diversions."""
    rng = np.random.default_rng(seed)
    regions, lines = max(2, dealers // 15), 4
    region = rng.integers(regions, size=dealers)
    size = rng.gamma(2.0, 40.0, (dealers, lines)) + 5
    growth = rng.normal(0, 0.01, (dealers, 1, 1)) * np.arange(months)
    mean = size[:, :, None] * np.exp(growth + rng.normal(0, 0.25, (dealers, lines, months)))
    lumps = rng.gamma(3.0, 1 / 3.0, mean.shape)
    sold = mean * lumps
    sent = np.zeros((dealers, lines, months))
    to = np.full((dealers, months), -1)
    truth = []
    for seller in rng.choice(dealers, min(cases, dealers), replace=False):
        start, length = int(rng.integers(0, months - 2)), int(rng.integers(2, 7))
        goods = [int(rng.integers(lines))] if rng.random() < 0.6 else list(range(lines))
        there = int((region[seller] + rng.integers(1, regions)) % regions)
        for month in range(start, min(months, start + length)):
            to[seller, month] = there
            for line in goods:
                units = strength * rng.uniform(0.4, 1.6) * size[seller, line]
                sent[seller, line, month] = units
                victims = np.flatnonzero(region == there)
                hit = rng.choice(victims, min(2, len(victims)), replace=False)
                sold[hit, line, month] *= 1 - rng.uniform(0.15, 0.4)
                truth += [(seller, line, month, h, there, units) for h in hit]
    return _tables(rng, region, sold, sent, to, checks), _truth(truth, region, months)


def _starts(months: int) -> pd.DatetimeIndex:
    return pd.date_range("2021-03-01", periods=months, freq="MS", unit="us")


def _tables(rng, region, sold, sent, to, checks):
    dealers, lines, months = sold.shape
    starts = _starts(months)
    d, s, t = (part.ravel() for part in np.indices(sold.shape))
    names = np.array([f"代理-{i:04d}" for i in range(dealers)], dtype=object)
    areas = np.array([f"Zone {chr(65 + r % 26)}{r // 26}" for r in range(region.max() + 1)], dtype=object)
    goods = np.array([f"line/{i}" for i in range(lines)], dtype=object)
    ends = starts + pd.DateOffset(months=1)
    sell_in = pd.DataFrame({"dealer_id": names[d], "sku_id": goods[s], "period_start": starts[t]})
    sell_in = sell_in.assign(document_id="", qty_sell_in=np.round(sold + sent).ravel(), known_at=ends[t])
    scans = []
    for month in range(months):
        for area in range(region.max() + 1):
            local = np.where(region[:, None] == area, sold[:, :, month], 0.02 * sold[:, :, month] / 5)
            offer = local + np.where(to[:, month, None] == area, sent[:, :, month], 0)
            found = rng.multinomial(rng.poisson(checks), (offer / offer.sum()).ravel())
            for cell in np.flatnonzero(found):
                scans += [(cell // lines, cell % lines, area, month)] * found[cell]
    who, what, where, when = np.array(scans).T
    at = starts[when] + pd.to_timedelta(rng.integers(0, 28 * 24, len(when)), unit="h")
    traced = pd.DataFrame({"scan_id": [f"x{i}" for i in range(len(when))], "sku_id": goods[what]})
    traced = traced.assign(
        code=traced["scan_id"], shipped_dealer_id=names[who], scanned_at=at,
        scanned_territory_id=areas[where], outlet_id="", known_at=at,
    )  # fmt: skip
    about = pd.DataFrame({"dealer_id": names, "territory_id": areas[region], "known_at": starts[0]})
    return {"dealers": about, "sell_in": sell_in, "trace_scans": traced}


def _truth(rows, region, months):
    seller, line, month, receiver, there, units = (np.array(part) for part in zip(*rows, strict=True))
    areas = np.array([f"Zone {chr(65 + r % 26)}{r // 26}" for r in range(region.max() + 1)], dtype=object)
    return pd.DataFrame(
        {
            "seller_dealer_id": [f"代理-{i:04d}" for i in seller],
            "receiver_dealer_id": [f"代理-{i:04d}" for i in receiver],
            "sku_id": [f"line/{i}" for i in line],
            "receiver_territory_id": areas[there],
            "period_start": _starts(months)[month],
            "units": units / 2,
        }
    )
