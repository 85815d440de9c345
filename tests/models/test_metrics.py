import numpy as np
import pandas as pd
import pytest
import utilsforecast.losses as nixtla

from models import metrics
from models.demand.baselines import seasonal_naive
from tests.oracles import metrics as oracle


def _arrays(n=200):
    rng = np.random.default_rng(5)
    y, f = rng.gamma(2.0, 20.0, n), rng.gamma(2.0, 20.0, n)
    y[rng.random(n) < 0.1] = np.nan
    scale = np.where(rng.random(n) < 0.1, 0.0, rng.gamma(2.0, 5.0, n))
    return y, f, scale, rng.integers(0, 30, n)


def _frame(n=6, history=30, horizon=6):
    """A backtest of n series at two cutoffs, and the histories behind it."""
    rng = np.random.default_rng(8)
    y = rng.gamma(3.0, 10.0, (n, history + horizon))
    months = pd.date_range("2020-01-01", periods=y.shape[1], freq="MS")
    long = pd.DataFrame({"unique_id": np.repeat([f"D/{i}" for i in range(n)], y.shape[1])})
    long = long.assign(ds=np.tile(months, n), y=y.ravel())
    parts = []
    for t in (history - horizon, history):
        mae, rmse = metrics.naive_scales(y[:, :t], 12)
        part = long[long["ds"].isin(months[t : t + horizon])].copy()
        part["cutoff"] = months[t - 1]
        part["mean"] = part["y"] * rng.gamma(20.0, 0.05, len(part))
        part["seasonal_naive"] = seasonal_naive(y[:, :t], season=12, horizon=horizon).ravel()
        part["scale_mase"], part["scale_rmsse"] = np.repeat(mae, horizon), np.repeat(rmse, horizon)
        for q in (5, 10, 25, 50, 75, 90, 95):
            part[f"q{q:02d}"] = part["mean"] * (0.5 + q / 100)
        parts.append(part)
    return pd.concat(parts, ignore_index=True), long


def test_every_metric_equals_its_slow_second_answer():
    y, f, scale, groups = _arrays()
    assert metrics.wape(y, f) == pytest.approx(oracle.wape(y, f))
    assert metrics.bias(y, f) == pytest.approx(oracle.bias(y, f))
    assert metrics.aggregate_wape(y, f, groups) == pytest.approx(oracle.aggregate_wape(y, f, groups))
    assert metrics.mase(y, f, scale) == pytest.approx(oracle.mase(y, f, scale))
    assert metrics.rmsse(y, f, scale, groups) == pytest.approx(oracle.rmsse(y, f, scale, groups))
    assert metrics.pinball(y, f, 0.9) == pytest.approx(oracle.pinball(y, f, 0.9))
    assert metrics.coverage(y, f - 9, f + 9) == pytest.approx(oracle.coverage(y, f - 9, f + 9))


def test_mean_pinball_is_the_mean_over_levels_per_unit_sold():
    y, f, *_ = _arrays()
    q = np.column_stack([f * 0.5, f, f * 2])
    by_hand = sum(oracle.pinball(y, q[:, j], p) for j, p in enumerate([0.1, 0.5, 0.9])) / 3
    assert metrics.mean_pinball(y, q, [0.1, 0.5, 0.9]) == pytest.approx(by_hand / np.nanmean(np.abs(y)))


def test_naive_scales_skip_gaps_and_short_histories():
    y = np.random.default_rng(2).gamma(2.0, 9.0, (20, 30))
    y[np.random.default_rng(3).random(y.shape) < 0.2] = np.nan
    y[0, :-5] = np.nan
    mae, rmse = metrics.naive_scales(y, 12)
    by_hand = np.array([oracle.naive_scales(row, 12) for row in y])
    np.testing.assert_allclose(np.column_stack([mae, rmse]), by_hand)
    assert np.isnan(mae[0])


def test_a_frame_scores_as_utilsforecast_does():
    frame, history = _frame()
    scores = metrics.score_frame(frame, ["mean", "seasonal_naive"]).set_index("method")
    methods, plain = (
        ["mean", "seasonal_naive"],
        frame.rename(columns={"q10": "mean-lo-80", "q90": "mean-hi-80"}),
    )
    mase = nixtla.mase(frame, methods, 12, history)[methods].mean()
    rmsse = nixtla.rmsse(frame, methods, 12, history)[methods].mean()
    inside = nixtla.coverage(plain, ["mean"], 80)["mean"].mean()
    q10 = nixtla.quantile_loss(frame, {"mean": "q10"}, q=0.1)["mean"].mean()
    pd.testing.assert_series_equal(scores["mase"], mase, check_names=False)
    pd.testing.assert_series_equal(scores["rmsse"], rmsse, check_names=False)
    assert scores.loc["mean", "coverage_80"] == pytest.approx(inside)
    assert metrics.pinball(frame["y"].to_numpy(), frame["q10"].to_numpy(), 0.1) == pytest.approx(q10)


def test_sums_are_over_consecutive_periods_of_one_series_and_cutoff():
    frame, _ = _frame(horizon=7)  # two sums of three; the seventh month makes no whole sum
    month = frame.groupby(["unique_id", "cutoff"]).cumcount()
    label = frame["unique_id"] + frame["cutoff"].astype(str) + (month // 3).astype(str)
    whole = (month < 6).to_numpy()
    by_hand = oracle.aggregate_wape(frame["y"][whole], frame["mean"][whole], label[whole])
    assert metrics.score_frame(frame, ["mean"], aggregate=3)["agg_wape"][0] == pytest.approx(by_hand)


def test_row_order_does_not_change_a_score():
    frame, _ = _frame()
    shuffled = frame.sample(frac=1, random_state=0)
    columns = ["mean", "seasonal_naive"]
    pd.testing.assert_frame_equal(metrics.score_frame(frame, columns), metrics.score_frame(shuffled, columns))


def test_not_answering_is_scored_as_zero_units_and_counted():
    frame, _ = _frame()
    silent = frame.assign(seasonal_naive=frame["seasonal_naive"].where(frame["unique_id"] != "D/0"))
    zeros = frame.assign(seasonal_naive=silent["seasonal_naive"].fillna(0.0))
    got, expected = (metrics.score_frame(f, ["seasonal_naive"]).iloc[0] for f in (silent, zeros))
    assert got["missing"] == 12
    assert got["wape"] == expected["wape"]


def test_quantiles_belong_to_the_mean_alone():
    scores = metrics.score_frame(_frame()[0], ["mean", "seasonal_naive"]).set_index("method")
    assert scores.loc["mean", ["pinball", "coverage_50", "coverage_80", "coverage_90"]].notna().all()
    assert scores.loc["seasonal_naive", ["pinball", "coverage_50"]].isna().all()


def test_a_band_that_begins_at_zero_holds_its_promise_without_the_unused_lower_tail():
    y = np.random.default_rng(0).exponential(1.0, 20_000) * (np.arange(20_000) % 4 == 0)  # 75 % zeros
    levels = {"q05": 0.05, "q10": 0.1, "q75": 0.75, "q80": 0.8, "q90": 0.9, "q95": 0.95}
    frame = pd.DataFrame({"y": y, **{name: np.quantile(y, level) for name, level in levels.items()}})
    assert metrics.covered(frame) == pytest.approx({0.8: 0.8, 0.9: 0.9}, abs=0.001)
    lower, upper = metrics.band(frame.assign(q10=1e-9), 0.8)
    assert (lower[0], upper[0]) == (1e-9, frame["q90"][0])


def test_a_frame_of_points_alone_has_no_bands():
    frame = _frame()[0][["unique_id", "ds", "cutoff", "y", "mean"]]
    assert metrics.score_frame(frame, ["mean"]).columns.tolist() == [
        "method", "n", "missing", "wape", "agg_wape", "bias",
    ]  # fmt: skip


def test_nothing_to_judge_is_nan_not_a_crash():
    nothing = np.array([np.nan])
    assert np.isnan(metrics.wape(nothing, nothing))
    assert np.isnan(metrics.bias(np.zeros(3), np.ones(3)))
    assert np.isnan(metrics.mase(np.ones(2), np.ones(2), np.zeros(2)))
    assert np.isnan(metrics.rmsse(nothing, nothing, nothing, nothing))
    assert np.isnan(metrics.pinball(nothing, nothing, 0.5))
    assert np.isnan(metrics.mean_pinball(nothing, nothing[:, None], [0.5]))
    assert np.isnan(metrics.coverage(nothing, nothing, nothing))


def test_a_missing_forecast_is_not_rewarded():
    y, f = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    assert np.isnan(metrics.wape(y, f))
    assert np.isnan(metrics.coverage(y, f, f))
