import numpy as np

from features.simulator import World, simulate


def test_a_ladder_rises(channel):
    ladders = channel.tables["rebate_programmes"].sort_values("tier_no")
    by_ladder = ladders.groupby(["programme_id", "dealer_id"])
    assert by_ladder["threshold_amount"].apply(lambda x: x.is_monotonic_increasing).all()
    assert by_ladder["rebate_rate"].apply(lambda x: x.is_monotonic_increasing).all()


def test_next_years_ladder_is_known_before_it_starts(channel):
    ladders = channel.tables["rebate_programmes"]
    assert (ladders["known_at"] < ladders["starts_at"]).all()
    assert "R2026" in set(ladders["programme_id"])


def test_demand_follows_the_true_response_curve():
    key = ["dealer_id", "sku_id", "period_start"]
    with_effort, without = (
        simulate(World(months=24, rebate_uplift_rate=rate)).truth["demand"].set_index(key)["units_mean"]
        for rate in (0.12, 0.0)
    )
    made = simulate(World(months=24))
    curve = made.truth["rebate_responses"].set_index("dealer_id")
    top = made.tables["rebate_programmes"].query("tier_no == 3 and programme_id == 'R2025'")
    rate = top.set_index("dealer_id")["rebate_rate"]
    expected = 1 + curve["max_uplift"] * rate / (rate + curve["half_rate"])
    ratio = (with_effort / without).loc[:, :, "2025-05-01"].groupby("dealer_id").median()
    np.testing.assert_allclose(ratio, expected[ratio.index], rtol=1e-3)
