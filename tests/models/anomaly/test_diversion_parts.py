import numpy as np
import pandas as pd
import pytest

from features.shipments import Shipments
from features.simulator import World, simulate
from models.anomaly import scans
from models.anomaly.pairs import Falls, Mirrors
from models.anomaly.residuals import Residuals, market
from models.anomaly.scans import Flows, deviance
from models.anomaly.spans import around, cusum, leading, trailing
from tests.oracles import diversion as oracle

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("ours", "before", "after"),
    [(lambda x: trailing(x, 3), 2, 0), (lambda x: leading(x, 4), 0, 3), (lambda x: around(x, 2), 2, 2)],
)
def test_spans_are_sums_over_neighbouring_months(ours, before, after):
    x = RNG.normal(size=(4, 9))
    assert np.allclose(ours(x), oracle.spans_by_loop(x, before, after))


def test_cusum_is_pages_sum():
    z = RNG.normal(size=(5, 30))
    z[2, 4] = np.nan
    assert np.allclose(cusum(z, 0.3), oracle.cusum_by_loop(z, 0.3))


@pytest.mark.parametrize(("count", "expected"), [(0, 0.3), (4, 1.0), (3, 3.0), (1, 6.5), (50, 20.0)])
def test_deviance_is_the_root_of_the_likelihood_ratio(count, expected):
    ours = deviance(np.array([float(count)]), np.array([expected]))[0]
    assert ours == pytest.approx(oracle.deviance_by_likelihood(count, expected), abs=1e-6)


def test_a_rate_is_learned_from_the_other_months():
    count, seen = RNG.poisson(1.0, (2, 20)).astype(float), RNG.poisson(30.0, (2, 20)).astype(float)
    ours = scans._rates(count, seen, np.array([0.02, 0.001]))
    for pair, prior in enumerate((0.02, 0.001)):
        for month in (0, 9, 19):
            slow = oracle.usual_rate(count[pair], seen[pair], month, 4, 0.5, prior)
            assert ours[pair, month] == pytest.approx(slow)


def with_flow(tables, dealer, to, months):
    """One more scan of each product of a dealer in each of these months, at one place."""
    skus = tables["sell_in"].loc[tables["sell_in"]["dealer_id"] == dealer, "sku_id"].unique()
    rows = pd.DataFrame([(sku, month) for sku in skus for month in months], columns=["sku_id", "scanned_at"])
    made = rows.assign(shipped_dealer_id=dealer, scanned_territory_id=to, known_at=rows["scanned_at"])
    return tables | {"trace_scans": pd.concat([tables["trace_scans"], made], ignore_index=True)}


def test_a_lasting_flow_is_usual_and_a_sudden_one_is_not():
    world = World(dealers=30, diversion_share=0.0, scan_coverage_share=0.03, months=24, late_share=0.0)
    tables = simulate(world).tables
    old = tables["dealers"][tables["dealers"]["joined_at"] < "2023-12-31"]
    dealers = old.set_index("dealer_id")["territory_id"]
    one, other = (dealers.index[dealers == home][0] for home in ("T001", "T002"))
    months = pd.date_range("2024-01-01", periods=24, freq="MS", unit="us")
    goods = Shipments.of(with_flow(with_flow(tables, one, "T003", months), other, "T003", months[10:13]))
    found = Flows.of(goods)
    found_at = [goods.dealer_ids[goods.dealer[found.row]] == d for d in (one, other)]
    at = goods.territory_ids[found.to] == "T003"
    rows = [at & mine for mine in found_at]
    usual, sudden = (found.count[r, 10:13].sum() / found.expected[r, 10:13].sum() for r in rows)
    assert usual < 3 < 4 < sudden


def test_the_receiver_is_the_series_that_fell_the_most():
    z = RNG.normal(size=(40, 18))
    sku, place = RNG.integers(3, size=40), RNG.integers(4, size=40)
    falls = Falls.of(z, place * 3 + sku, 12)
    for where in range(4):
        for product in range(3):
            for month in (0, 7, 17):
                slow = oracle.strongest_fall(z, sku, place, product, where, month)
                assert falls.series[where * 3 + product, month] == slow


def test_a_mirror_is_never_at_home():
    z = RNG.normal(size=(60, 24))
    place = RNG.integers(5, size=60)
    found = Mirrors.of(z, z, np.zeros(60, dtype=np.int64), place)
    assert (found.to >= 0).sum() > 50
    assert not (found.to == place[:, None]).any()
    there = place[np.maximum(found.receiver, 0)]
    assert (there[found.receiver >= 0] == found.to[found.receiver >= 0]).all()


def test_a_shared_movement_is_the_shrunk_median():
    y = RNG.normal(size=(9, 6))
    group = np.repeat([0, 1], [7, 2])
    assert np.allclose(market(y, group)[:7], np.median(y[:7], axis=0) * 6 / 11)
    assert np.allclose(market(y, group)[7:], np.median(y[7:], axis=0) * 1 / 6)


def test_what_the_whole_market_does_is_no_residual():
    x = RNG.poisson(200, (40, 24)).astype(float)
    x[:, 12:15] *= 2
    zero = np.zeros(40, dtype=np.int64)
    found = Residuals.of(x, zero, zero, np.arange(40), np.arange(24) % 12 + 1)
    assert abs(np.median(found.z[:, 12:15])) < 1
    x[3, 18:21] *= 2
    lifted = Residuals.of(x, zero, zero, np.arange(40), np.arange(24) % 12 + 1)
    assert lifted.z[3, 18:21].min() > 4


def test_residuals_do_not_know_the_unit():
    x = RNG.poisson(200, (20, 24)).astype(float)
    zero, month = np.zeros(20, dtype=np.int64), np.arange(24) % 12 + 1
    pieces, pallets = (Residuals.of(x * unit, zero, zero, np.arange(20), month).z for unit in (1.0, 0.01))
    assert np.allclose(pieces, pallets)
