"""Usual sizes: effects add up, thin evidence is drawn to none, and what is new is told by what is coarser."""

import numpy as np
import pandas as pd
import pytest

from models.demand.usual import Usual
from models.errors import NotFitted


def _world(seed: int = 0, *, dealers: int = 30, products: int = 20):
    rng = np.random.default_rng(seed)
    pairs = [(f"D{d:02}", f"S{s:02}") for d in range(dealers) for s in range(products)]
    static = pd.DataFrame(pairs, columns=["dealer_id", "sku_id"])
    group = static["sku_id"].str[1:].astype(int) % 2
    static["category"] = np.where(group, "dear", "cheap")
    dealer = rng.normal(0, 1, dealers)[static["dealer_id"].str[1:].astype(int)]
    product = rng.normal(0, 0.3, products)[static["sku_id"].str[1:].astype(int)]
    truth = 3 + 2 * group.to_numpy() + dealer + product
    return static, truth, truth + rng.normal(0, 0.2, len(static))


def test_a_dealer_and_product_seen_apart_are_put_together():
    static, truth, size = _world()
    hidden = np.zeros(len(static), dtype=bool)
    hidden[::7] = True
    found = Usual().fit(size[~hidden], static[~hidden]).predict(static[hidden])
    assert np.abs(found - truth[hidden]).mean() < 0.15


def test_a_new_product_is_told_by_its_category():
    static, _, size = _world()
    usual = Usual().fit(size, static)
    asked = pd.DataFrame({"dealer_id": ["D00"] * 2, "sku_id": ["?"] * 2, "category": ["dear", "cheap"]})
    dear, cheap = usual.predict(asked)
    assert dear - cheap == pytest.approx(2.0, abs=0.4)


def test_attributes_of_a_known_product_need_not_be_said_again():
    static, _, size = _world()
    usual = Usual().fit(size, static)
    bare = static[["dealer_id", "sku_id"]]
    np.testing.assert_allclose(usual.predict(bare), usual.predict(static))
    np.testing.assert_allclose(usual.predict(static.assign(category=None)), usual.predict(static))


def test_a_name_that_nobody_has_seen_adds_nothing():
    static, _, size = _world()
    usual = Usual().fit(size, static)
    assert usual.predict(pd.DataFrame({"dealer_id": ["?"], "sku_id": ["?"]}))[0] == usual.middle_


def test_names_that_tell_nothing_are_drawn_to_none():
    rng = np.random.default_rng(1)
    static = pd.DataFrame({"dealer_id": np.arange(400) % 80, "sku_id": np.arange(400) // 80})
    effects = Usual().fit(rng.normal(0, 1, 400), static).effects_
    assert effects["dealer_id"].abs().mean() < 0.2  # the means themselves: 0.36


def test_strengths_say_which_attribute_explains_most():
    static, _, size = _world()
    strengths = Usual().fit(size, static).strengths_
    assert strengths["category"] > 3 * strengths["sku_id"]
    assert strengths["dealer_id"] > 3 * strengths["sku_id"]


def test_nothing_known_is_no_reason_to_fail():
    usual = Usual().fit(np.empty(0), pd.DataFrame({"dealer_id": [], "sku_id": []}))
    assert usual.predict(pd.DataFrame({"dealer_id": ["A"], "sku_id": ["x"]})).tolist() == [0.0]
    with pytest.raises(NotFitted):
        Usual().predict(pd.DataFrame({"dealer_id": ["A"], "sku_id": ["x"]}))
