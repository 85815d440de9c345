import numpy as np
import pandas as pd
import pytest

from features.errors import MissingColumns
from models.anomaly.unit_prices import UnitPrices
from models.errors import NotFitted
from models.scoring import auc, average_precision


def reports(n=3000, seed=0):
    """Reports with quantity discounts and sellers' habits; 2 % are priced 3 times too high or low."""
    rng = np.random.default_rng(seed)
    product, seller = rng.integers(60, size=n), rng.integers(80, size=n)
    quantity = np.exp(rng.normal(5, 1, n)).round() + 1
    log_price = rng.normal(3, 1, 60)[product] - 0.05 * np.log(quantity) + rng.normal(0, 0.2, 80)[seller]
    bad = rng.random(n) < 0.02
    log_price += rng.normal(0, 0.15, n) + bad * rng.choice([-1, 1], n) * np.log(3)
    frame = {"seller": [f"v{s}" for s in seller], "product": [f"p{p}" for p in product]}
    return pd.DataFrame(frame | {"quantity": quantity, "value": quantity * np.exp(log_price)}), bad.astype(
        int
    )


def test_wrong_prices_score_highest_and_better_than_by_the_products_own_spread():
    frame, y = reports()
    price = np.log(frame["value"] / frame["quantity"])
    away = (price - price.groupby(frame["product"]).transform("median")).abs()
    z = away / away.groupby(frame["product"]).transform("median")
    ours = UnitPrices().fit(frame).score(frame)
    assert auc(y, ours) > 0.97
    assert average_precision(y, ours) > 1.2 * average_precision(y, z)


def test_both_sides_count():
    frame, y = reports()
    residual = UnitPrices().fit(frame).residuals(frame)
    assert (residual[y == 1] > 0.5).any()
    assert (residual[y == 1] < -0.5).any()


def test_the_order_of_rows_and_the_currency_do_not_matter():
    frame, _ = reports(500)
    scores = UnitPrices().fit(frame).score(frame)
    rows = np.random.default_rng(0).permutation(500)
    np.testing.assert_allclose(UnitPrices().fit(frame.iloc[rows]).score(frame), scores)
    dearer = frame.assign(value=frame["value"] * 7)
    np.testing.assert_allclose(UnitPrices().fit(dearer).score(dearer), scores, rtol=1e-9)


def test_a_missing_value_scores_as_high_as_it_is_rare():
    frame, _ = reports()
    frame.loc[:2, "value"] = np.nan
    frame.loc[100:400, "quantity"] = np.nan
    scores = UnitPrices().fit(frame).score(frame)
    share_below = [(scores < scores[row]).mean() for row in (0, 100)]
    assert share_below[0] > 0.99
    assert 0.8 < share_below[1] < 0.95


def test_a_product_that_was_never_seen_is_judged_by_the_channel():
    frame, _ = reports(500)
    model = UnitPrices().fit(frame)
    usual = np.exp(model.level_.median())
    new = pd.DataFrame(
        {"seller": "x", "product": "new", "quantity": [1.0, 1.0], "value": [usual, usual * 1000]}
    )
    assert np.diff(model.score(new))[0] > 5


def test_a_frame_without_the_columns_is_refused_by_name():
    with pytest.raises(MissingColumns, match="quantity"):
        UnitPrices().fit(pd.DataFrame({"seller": ["a"], "product": ["b"], "value": [1.0]}))
    with pytest.raises(NotFitted):
        UnitPrices().score(reports(5)[0])
