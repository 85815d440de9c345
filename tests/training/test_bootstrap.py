import numpy as np
import pandas as pd
import pytest

from models.metrics import wape
from training.bootstrap import wape_gap


def _frame(rng, n_series=200, skill=0.0, rows=6):
    """Two forecasts of which the first has `skill` less noise; errors hang together in a series."""
    y = rng.gamma(5.0, 10.0, (n_series, rows))
    luck = rng.normal(0, 6, (2, n_series, 1))
    noise = rng.normal(0, 6, (2, n_series, rows))
    frame = pd.DataFrame({"unique_id": np.repeat([f"D/{i}" for i in range(n_series)], rows), "y": y.ravel()})
    frame["ours"] = (y + (luck[0] + noise[0]) * (1 - skill)).ravel()
    return frame.assign(theirs=(y + luck[1] + noise[1]).ravel())


def test_the_wapes_are_those_of_the_metric():
    frame = _frame(np.random.default_rng(0))
    gap = wape_gap(frame, "ours", "theirs", seed=0, resamples=50)
    y, ours, theirs = (frame[c].to_numpy() for c in ("y", "ours", "theirs"))
    assert gap.ours == pytest.approx(wape(y, ours))
    assert gap.improvement == pytest.approx(1 - wape(y, ours) / wape(y, theirs))


def test_two_forecasts_of_the_same_skill_are_rarely_called_different():
    rng = np.random.default_rng(1)
    gaps = [wape_gap(_frame(rng), "ours", "theirs", seed=i, resamples=200) for i in range(100)]
    called = np.mean([gap.high < 0 or gap.low > 0 for gap in gaps])
    assert called <= 0.12  # 5 % promised; rows drawn one by one instead of series give .2


def test_a_true_difference_is_found_on_the_right_side():
    gap = wape_gap(_frame(np.random.default_rng(2), skill=0.2), "ours", "theirs", seed=0)
    assert gap.low < gap.difference < gap.high < 0
    assert 0 < gap.improvement_low < gap.improvement < gap.improvement_high


def test_the_same_seed_gives_the_same_interval_in_any_row_order():
    frame = _frame(np.random.default_rng(3))
    shuffled = frame.sample(frac=1, random_state=0)
    assert wape_gap(frame, "ours", "theirs", seed=4).high == pytest.approx(
        wape_gap(shuffled, "ours", "theirs", seed=4).high, abs=1e-12
    )


def test_a_forecast_compared_with_itself_is_not_better():
    gap = wape_gap(_frame(np.random.default_rng(5)), "ours", "ours", seed=0, resamples=50)
    assert (gap.low, gap.difference, gap.high) == (0, 0, 0)


def test_without_truths_nothing_is_known():
    frame = _frame(np.random.default_rng(6)).assign(y=np.nan)
    gap = wape_gap(frame, "ours", "theirs", seed=0)
    assert np.isnan([gap.ours, gap.difference, gap.low, gap.high, gap.improvement]).all()
