"""Movement: joint paths without a view, as wide as past windows ask for."""

import numpy as np
import pandas as pd
import pytest

from features.rates import Rates
from features.simulator.fx import fx_rates
from features.simulator.periods import Periods
from features.simulator.world import World
from features.tables import coerce
from models.currency.coverage import kupiec
from models.currency.movement import Movement
from models.errors import NotFitted

DAYS = 21


@pytest.fixture(scope="module")
def returns():
    world = World(seed=12, months=60)
    table = coerce("fx_rates", fx_rates(world, Periods.of(world))[0])
    return Rates.of(table, "CNY", pd.Timestamp("2026-01-01")).returns()


@pytest.fixture(scope="module")
def movement(returns):
    return Movement().fit(returns.iloc[:700])


def test_bands_hold_what_they_say_on_later_windows(returns, movement):
    """Out of sample: learned from the first 700 days, asked of every later month."""
    inside = {0.90: [], 0.95: []}
    for t in range(700, len(returns) - DAYS, DAYS):
        ends = movement.paths(returns.iloc[:t], days=DAYS, count=800)[:, -1]
        moved = returns.iloc[t : t + DAYS].sum().to_numpy()
        for band, hits in inside.items():
            low, high = np.quantile(ends, [(1 - band) / 2, (1 + band) / 2], axis=1)
            hits += list((low <= moved) & (moved <= high))
    for band, hits in inside.items():
        assert kupiec(np.array(hits), band) > 0.01, (band, np.mean(hits), len(hits))


def test_a_stretch_is_learned_where_bands_were_too_narrow(movement):
    assert 1.0 < movement.stretch_ < 1.4  # spells of storms begin without notice
    short = Movement().fit(pd.DataFrame({"USD": np.full(30, 0.001)}))
    assert short.stretch_ == 1.0


def test_no_currency_is_expected_to_rise_or_to_fall(returns, movement):
    paths = movement.paths(returns, days=60, count=300)
    assert np.exp(paths).mean(axis=2) == pytest.approx(np.ones((5, 60)))


def test_currencies_that_move_together_stay_together_and_others_do_not(returns):
    pegged = returns.assign(HKD=0.8 * returns["USD"])
    paths = Movement().fit(pegged).paths(pegged, days=DAYS, count=2000)[:, -1]
    tied = np.corrcoef(paths)
    place = {c: i for i, c in enumerate(pegged)}
    assert tied[place["HKD"], place["USD"]] > 0.97
    assert abs(tied[place["JPY"], place["USD"]]) < 0.1


def test_a_stormy_rate_has_wider_paths_than_before_its_storm(returns, movement):
    storm = pd.DataFrame(0.03, index=returns.index[-3:] + pd.Timedelta(days=30), columns=returns.columns)
    calm, wild = (
        movement.paths(r, days=DAYS, count=500)[:, -1].std(axis=1)
        for r in (returns, pd.concat([returns, storm]))
    )
    assert (wild > 1.15 * calm).all()


def test_a_currency_with_gaps_or_a_late_start_is_answered(returns, movement):
    odd = returns.copy()
    odd.loc[odd.index[:-100], "VND"] = np.nan
    odd.loc[odd.index[::3], "EUR"] = np.nan
    assert np.isfinite(movement.paths(odd, days=10, count=50)).all()


def test_the_same_seed_gives_the_same_paths_and_nothing_is_said_before_fit(returns, movement):
    again = Movement().fit(returns.iloc[:700])
    one, two = (m.paths(returns, days=5, count=20) for m in (movement, again))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(NotFitted):
        Movement().paths(returns, days=5, count=20)
