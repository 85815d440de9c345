"""One small fitted detector of diversion and one channel to judge it on, shared by tests."""

from functools import lru_cache

import pandas as pd

from features.simulator import World
from models.anomaly.diversion import Diversion
from training.worlds import labelled, learned_worlds

LATER = pd.Timestamp("2030-01-01")


@lru_cache(maxsize=1)
def fitted() -> Diversion:
    return Diversion(rounds=120).fit(learned_worlds((2, 4, 6, 8, 10)))


@lru_cache(maxsize=1)
def judged():
    return labelled(World.diversion_test(301, dealers=240))


def scores(found: pd.DataFrame) -> pd.Series:
    return found.set_index(["dealer_id", "period_start"])["probability"]


def hits(found: pd.DataFrame, truth: pd.DataFrame, k: int) -> float:
    """Share of the k highest dealer-months that were diverted."""
    top = scores(found).sort_values(ascending=False).index[:k]
    real = set(zip(truth["seller_dealer_id"], truth["period_start"], strict=True))
    return sum(key in real for key in top) / k
