"""Scarce stock and transfers beside enumeration and linear programming."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.inventory.allocation import BadSupply, share
from models.inventory.rebalance import Shelf, moves
from tests.oracles.inventory import best_allocation, best_moves


@given(seed=st.integers(0, 10_000), packs=st.integers(0, 7))
@settings(deadline=None, max_examples=40)
def test_no_allocation_sells_more_than_ours(seed, packs):
    rng = np.random.default_rng(seed)
    draws, held = rng.gamma(2, 5, (3, 30)), rng.uniform(0, 8, 3)
    given_ = share(draws, held, supply=packs * 4.0 + 1, pack=4.0, floor_rate=0.0)
    ours = float(np.minimum(draws, (held + given_)[:, None]).mean(axis=1).sum())
    assert ours == pytest.approx(best_allocation(draws, held, packs * 4.0 + 1, 4.0, np.zeros(3)))


@given(
    seed=st.integers(0, 10_000),
    supply=st.floats(0, 500),
    pack=st.sampled_from([1.0, 6.0]),
    floor=st.floats(0, 1),
)
@settings(deadline=None, max_examples=60)
def test_never_more_than_there_is_in_whole_packs_and_to_a_pack_the_fair_floor(seed, supply, pack, floor):
    rng = np.random.default_rng(seed)
    draws, held = rng.gamma(2, 20, (6, 40)), rng.uniform(0, 30, 6)
    units = share(draws, held, supply=supply, pack=pack, floor_rate=floor)
    short = np.maximum(draws - held[:, None], 0).mean(axis=1)
    fair = np.minimum(short / short.sum() * supply, np.maximum(draws.max(axis=1) - held, 0))
    assert (units >= 0).all()
    assert units.sum() <= supply + 1e-6
    assert np.allclose(units / pack, np.round(units / pack))
    assert (units > floor * fair - pack).all()


@pytest.mark.parametrize("fault", [{"supply": -1.0}, {"pack": 0.0}, {"floor_rate": 1.5}, {"supply": 1e12}])
def test_a_supply_that_is_none_is_refused(fault):
    asked = {"supply": 10.0, "pack": 1.0, "floor_rate": 0.5} | fault
    with pytest.raises(BadSupply):
        share(np.ones((2, 3)), np.zeros(2), **asked)


def shelf(seed):
    rng = np.random.default_rng(seed)
    wanted = rng.gamma(3, 6, (5, 60))
    held = rng.integers(0, 60, 5).astype(float)
    return Shelf(
        position=held,
        on_hand=held,
        up_to=np.quantile(wanted, 0.9, axis=1),
        short=rng.uniform(1, 5, 5),
        over=rng.uniform(0.05, 0.3, 5),
        rate=wanted.mean(axis=1),
        wanted=wanted,
        lead=wanted / 3,
    )


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_moves_leave_givers_their_level_takers_no_more_than_theirs_and_lose_nothing(seed):
    one, freight = shelf(seed), np.full((5, 5), 0.2)
    change = np.zeros(5)
    for move in moves(one, freight, pack=3.0):
        assert move.gain_amount > 0
        change[move.giver] -= move.units
        change[move.taker] += move.units
    after = one.position + change
    assert change.sum() == pytest.approx(0)
    assert (after[change < 0] >= one.up_to[change < 0] - 1e-6).all()
    assert (after[change > 0] <= one.up_to[change > 0] + 1e-6).all()


def holding(one, i, level):
    left = np.maximum(level - one.wanted[i], 0)
    return float(one.over[i] * (left * (1 + left / (2 * one.rate[i]))).mean())


@pytest.mark.parametrize("seed", range(8))
def test_no_set_of_moves_inside_a_territory_gains_more(seed):
    one, pack, freight = shelf(seed), 3.0, 0.2
    surplus = [
        int(max(np.floor((p - u) / pack + 1e-9), 0)) for p, u in zip(one.position, one.up_to, strict=True)
    ]
    saved = [
        [
            holding(one, i, one.position[i] - k * pack) - holding(one, i, one.position[i] - (k + 1) * pack)
            for k in range(n)
        ]
        for i, n in enumerate(surplus)
    ]
    worth = []
    for j in range(5):
        room = int(max(np.floor((one.up_to[j] - one.position[j]) / pack + 1e-9), 0))
        short = [
            one.short[j] * np.maximum(one.lead[j] - one.position[j] - k * pack, 0).mean()
            for k in range(room + 1)
        ]
        worth.append([a - b for a, b in pairwise(short)])
    ours = sum(m.gain_amount for m in moves(one, np.full((5, 5), freight), pack=pack))
    best = best_moves(surplus, worth, freight * pack, saved) if sum(surplus) and any(worth) else 0.0
    assert ours == pytest.approx(best, abs=1e-6)


def test_nothing_moves_where_freight_is_not_on_record():
    assert moves(shelf(3), np.full((5, 5), np.inf), pack=3.0) == []
