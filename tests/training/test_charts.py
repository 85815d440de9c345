import re

import numpy as np
import pandas as pd
import pytest

from training.charts import HEIGHT, WIDTH, Window, fan, lines

DAYS = pd.date_range("2021-01-01", periods=12, freq="MS")


def _points(svg, kind):
    found = re.findall(rf'class="{kind}" points="([^"]+)"', svg)
    return [np.array([p.split(",") for p in line.split()], dtype=float) for line in found]


def _window(start, *values, width=5.0):
    mean = np.array(values)
    return Window(start=start, mean=mean, bands=[(mean - width, mean + width)])


def test_more_units_lie_higher_and_later_periods_further_right():
    (truth,) = _points(fan(DAYS, np.arange(12.0), [], title="t"), "truth")
    assert (np.diff(truth[:, 0]) > 0).all()
    assert (np.diff(truth[:, 1]) < 0).all()


def test_a_forecast_stands_where_its_truth_will():
    svg = fan(DAYS, np.full(12, 20.0), [_window(9, 20.0, 20.0, 20.0)], title="t")
    (truth,), (mean,) = _points(svg, "truth"), _points(svg, "mean")
    np.testing.assert_array_equal(mean, truth[9:])


def test_a_gap_breaks_the_line():
    truth = np.arange(12.0)
    truth[5] = np.nan
    assert [len(line) for line in _points(fan(DAYS, truth, [], title="t"), "truth")] == [5, 6]


@pytest.mark.parametrize("wide", [5.0, 1e9, np.nan])
def test_everything_stays_inside_the_drawing(wide):
    svg = fan(DAYS, np.full(12, 20.0), [_window(9, 20.0, 25.0, 0.0, width=wide)], title="t")
    for outline in [*_points(svg, "band"), *_points(svg, "mean")]:
        assert outline.min() >= 0
        assert (outline <= [WIDTH, HEIGHT]).all()
    assert "nan" not in svg


def test_one_period_ahead_is_still_visible():
    svg = fan(DAYS, np.full(12, 20.0), [_window(11, 20.0)], title="t")
    assert svg.count('<rect class="band"') == svg.count('<circle class="mean dot"') == 1


def test_a_series_that_never_sold_can_be_drawn():
    assert _points(fan(DAYS, np.zeros(12), [_window(9, 0.0, 0.0)], title="t"), "truth")[0].shape == (12, 2)


def test_a_method_without_a_score_leaves_no_line():
    svg = lines({"ours": [0.1, 0.2], "theirs": [None, None]}, ["1", "2"], title="t")
    assert (len(_points(svg, "line0")), len(_points(svg, "line1"))) == (1, 0)
