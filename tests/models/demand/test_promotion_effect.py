import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from features.errors import TooFewRows
from features.frequency import MONTHLY
from features.gather import gather
from features.panel import Panel
from features.simulator import World, simulate
from models.demand.promotion_effect import effects


def promoted(seed, *, effect=0.4, spread=0.3, dealers=20):
    """Two series a dealer, complete; each dealer answers in its own way."""
    rng = np.random.default_rng(seed)
    static = pd.DataFrame({"dealer_id": np.repeat([f"D{d}" for d in range(dealers)], 2), "sku_id": "S"})
    static["sku_id"] = np.tile(["S1", "S2"], dealers)
    own = np.repeat(rng.normal(effect, spread, dealers), 2)[:, None]
    deal = (rng.random((2 * dealers, 30)) < 0.25).astype(float)
    y = 40 * np.exp(own * deal + rng.normal(0, 0.2, deal.shape))
    return Panel(static=static, first=pd.Timestamp("2022-01-01"), freq=MONTHLY, y=y, plans={"deal": deal})


def test_effect_and_error_are_those_of_dummies_in_an_independent_package():
    panel = promoted(1)
    n, t = panel.y.shape
    dummies = [np.kron(np.eye(n), np.ones((t, 1))), np.kron(np.ones((n, 1)), np.eye(t))[:, 1:]]
    x = np.hstack([panel.plans["deal"].reshape(-1, 1), *dummies])
    groups = np.repeat(pd.factorize(panel.static["dealer_id"])[0], t)
    options = {"groups": groups, "use_correction": False}
    told = sm.OLS(np.log(panel.y).ravel(), x).fit(cov_type="cluster", cov_kwds=options)
    one = effects(panel).iloc[0]
    assert one["coefficient"] == pytest.approx(told.params[0], abs=1e-4)  # three sweeps, not all
    clusters = panel.static["dealer_id"].nunique()
    error = told.bse[0] * np.sqrt(clusters / (clusters - 1))
    assert (one["high"] - one["coefficient"]) / 2.0930 == pytest.approx(error, rel=1e-3)  # t of 19 degrees


def test_the_interval_holds_the_truth_as_often_as_it_says():
    told = pd.concat([effects(promoted(seed, dealers=12)) for seed in range(120)])
    assert 0.90 <= told["low"].le(0.4).mul(told["high"].ge(0.4)).mean() <= 0.99


def test_the_factor_is_told_where_a_promotion_usually_is():
    panel = promoted(2)
    told = effects(panel).iloc[0]
    assert told["at"] == 1.0
    assert told["factor"] == pytest.approx(np.exp(told["coefficient"]))
    assert told["factor_low"] < told["factor"] < told["factor_high"]


def test_one_dealer_has_no_interval():
    with pytest.raises(TooFewRows):
        effects(promoted(0).take(np.array([0, 1])))


def test_the_feature_effect_of_a_simulated_channel_is_found_in_its_sell_out():
    channel = simulate(World(dealers=40, products=10, months=48, outlet_reporting_share=0.5, seed=8))
    told = effects(gather(channel.tables, MONTHLY, quantity="sell_out")).set_index("plan")
    uplift = np.log1p(channel.truth["responses"]["promotion_uplift"]).mean()
    assert told.loc["feature", "low"] > 0
    assert told.loc["feature", "coefficient"] == pytest.approx(uplift, rel=0.35)  # stock-outs hide part
