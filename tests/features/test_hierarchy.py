import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.hierarchy import LEVELS, Groups, codes, vocabulary
from tests.oracles import blocks as oracle


def totals_of(panel, by, name):
    """Units of a group in each period, by adding up."""
    rows = [i for i in range(panel.n) if by == "all" or panel.static[by][i] == name]
    return [sum(v for i in rows if not math.isnan(v := panel.y[i, j])) for j in range(panel.t)]


def group_of(panel, by, i):
    return "all" if by == "all" else panel.static[by][i]


@pytest.mark.parametrize("by", LEVELS)
def test_momentum_is_a_groups_last_quarter_over_its_year(panel, by):
    found = Groups.of(panel).momentum(panel, by, short=3, long=12)
    for i in range(panel.n):
        units = totals_of(panel, by, group_of(panel, by, i))
        expected = oracle.mean(oracle.last(units, 3)) / oracle.mean(oracle.last(units, 12))
        assert found[i] == pytest.approx(expected)


@pytest.mark.parametrize("by", LEVELS)
def test_a_groups_shape_is_that_of_its_total(panel, by):
    found = Groups.of(panel).shape(panel, by, horizon=3)
    for i in range(0, panel.n, 5):
        units = totals_of(panel, by, group_of(panel, by, i))
        assert found[i] == pytest.approx([oracle.shape(units, 12, step) for step in range(3)])


def test_a_series_asked_alone_sees_its_whole_group(panel):
    groups, alone = Groups.of(panel), panel.take(np.array([4]))
    for by in LEVELS:
        np.testing.assert_array_equal(
            groups.shape(alone, by, horizon=3), groups.shape(panel, by, horizon=3)[[4]]
        )


def test_totals_end_where_the_panel_asked_about_ends(panel):
    then = panel.at(20)
    late, early = Groups.of(panel), Groups.of(then)
    for by in LEVELS:
        np.testing.assert_array_equal(
            late.momentum(then, by, short=3, long=12), early.momentum(then, by, short=3, long=12)
        )


def test_a_panel_that_begins_later_finds_its_place_in_the_totals(panel):
    groups = Groups.of(panel)
    later = replace(panel, first=panel.freq.shift(panel.first, 10), y=panel.y[:, 10:], plans={}, signals={})
    np.testing.assert_allclose(
        groups.momentum(later, "sku_id", short=3, long=12), groups.momentum(panel, "sku_id", short=3, long=12)
    )


def test_an_unknown_group_is_unknown(panel):
    static = pd.DataFrame({"dealer_id": ["?"], "sku_id": ["S1"]})
    stranger = replace(panel.take(np.array([0])), static=static)
    groups = Groups.of(panel)
    assert np.isnan(groups.momentum(stranger, "dealer_id", short=3, long=12)).all()
    assert np.isnan(groups.shape(stranger, "dealer_id", horizon=2)).all()
    assert np.isfinite(groups.shape(stranger, "sku_id", horizon=2)).all()


def test_names_are_numbered_once_and_strangers_are_minus_one():
    static = pd.DataFrame({"dealer_id": ["B", "A", "B"], "tier": [None, "gold", None]})
    names = vocabulary(static)
    assert codes(static, "dealer_id", names).tolist() == [1, 0, 1]
    assert codes(static, "tier", names).tolist() == [-1, 0, -1]
    assert codes(static[["dealer_id"]], "tier", names).tolist() == [-1, -1, -1]
