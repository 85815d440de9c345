"""Targeting: told only where a learned policy is surely better than one arm for all."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.rebate.targeting import BadTrial, NoOverlap, Trial, worth_targeting

ARMS = ("none", "small", "large")


def trial(effect, *, n=3000, seed=0, chance=(1 / 3,) * 3, logged=False, cost=None):
    """A trial whose arms do what `effect(X)` [n, 3] says."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"size": rng.normal(size=n), "type": rng.choice(["a", "b"], n)})
    drawn = rng.random(n) if not logged else np.clip(rng.random(n) + 0.25 * np.tanh(X["size"]), 0, 0.999)
    arm = np.minimum((drawn * 3).astype(int), 2)
    did = effect(X)
    y = did[np.arange(n), arm] + X["size"].to_numpy() + rng.normal(size=n)
    return Trial(X=X, arm=arm, outcome=y, arms=ARMS, chance=None if logged else chance, cost=cost), did


def split(X):
    big = X["size"].to_numpy() > 0
    return np.column_stack([np.zeros(len(X)), np.where(big, -1.0, 1.0), np.where(big, 1.0, -1.0)])


def alike(X):
    return np.tile([0.0, 0.3, 0.6], (len(X), 1))


def test_arms_that_suit_different_dealers_are_targeted_and_the_value_is_true():
    asked, did = trial(split)
    told = worth_targeting(asked, folds=3)
    best = did.max(axis=1).mean()
    row = told.values.set_index("policy").loc[told.policy]
    assert told.targeting
    assert row["low"] <= best <= row["high"] + 0.1
    assert told.values.set_index("policy").loc["none", "value"] == pytest.approx(0, abs=0.15)


def test_arms_that_do_the_same_for_all_are_not_targeted():
    told = worth_targeting(trial(alike)[0], folds=3)
    assert (told.targeting, told.policy, told.best_constant) == (False, "constant", "large")
    assert told.said.startswith("No targeting")


def test_the_cost_of_an_arm_decides_which_one_all_get():
    told = worth_targeting(trial(alike, cost=(0.0, 0.0, 1.0))[0], folds=2)
    assert told.best_constant == "small"


def test_noise_is_never_sold_as_targeting():
    told = [worth_targeting(trial(alike, n=900, seed=s)[0], folds=2, seed=s).targeting for s in range(6)]
    assert sum(told) == 0


def test_logged_choices_are_weighed_by_their_chance():
    asked, _ = trial(alike, n=6000, logged=True)
    told = worth_targeting(asked, folds=2).values.set_index("policy")["value"]
    assert told["large"] - told["none"] == pytest.approx(0.6, abs=0.15)
    naive = asked.outcome[asked.arm == 2].mean() - asked.outcome[asked.arm == 0].mean()
    assert abs(told["large"] - told["none"] - 0.6) < abs(naive - 0.6)


def test_an_arm_that_some_dealers_never_got_is_refused():
    asked, _ = trial(alike)
    arm = np.where(asked.X["size"] > 0, 2, asked.arm % 2)
    with pytest.raises(NoOverlap, match="no chance"):
        worth_targeting(Trial(X=asked.X, arm=arm, outcome=asked.outcome, arms=ARMS), folds=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arm": np.full(3000, 7)}, "positions 0 to 2"),
        ({"outcome": np.full(3000, np.nan)}, "not finite"),
        ({"arm": np.zeros(3000, int)}, "at least 100 are needed"),
        ({"outcome": np.zeros(5)}, "a row each"),
        ({"chance": (0.5, 0.5)}, "chance is one number"),
    ],
)
def test_a_trial_that_cannot_be_judged_is_refused(change, said):
    asked, _ = trial(alike)
    with pytest.raises(BadTrial, match=said):
        worth_targeting(Trial(**{**vars(asked), **change}))


def test_on_hillstrom_nobody_beats_one_mail_for_all():
    file = Path(os.environ.get("QUDAO_DATA", "../shared/data")) / "hillstrom_email/hillstrom.parquet"
    if not file.exists():
        pytest.skip("hillstrom_email is not there: set QUDAO_DATA")
    rows = pd.read_parquet(file).sample(16_000, random_state=0)
    arms = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
    X = rows[["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]]
    arm = rows["segment"].map({name: i for i, name in enumerate(arms)}).to_numpy()
    asked = Trial(X=X, arm=arm, outcome=rows["visit"].to_numpy(float), arms=arms, chance=(1 / 3,) * 3)
    told = worth_targeting(asked, folds=2)
    assert (told.targeting, told.best_constant) == (False, "Mens E-Mail")
