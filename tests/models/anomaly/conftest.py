"""One small simulated channel, and the model as it is without any training."""

import pandas as pd
import pytest

from features.ledger import Ledger
from features.simulator import World, simulate
from models.anomaly.model import AnomalyModel
from models.anomaly.orders import Book, Orders
from models.anomaly.prices import PriceHabits
from models.anomaly.scene import Scene
from training.recipes.anomaly import read_policy

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="session")
def channel():
    """Twenty dealers with street prices, loading, breaches and late payers."""
    return simulate(World(dealers=20, survey_share=0.6, breach_share=0.6, contract_share=0.0, seed=11))


@pytest.fixture(scope="session")
def scene(channel):
    return Scene.of(channel.tables, NOW)


@pytest.fixture(scope="session")
def model(scene):
    plain = AnomalyModel(policy=read_policy())
    plain.habits = PriceHabits().fit(Ledger.of(scene.tables))
    plain.orders = Orders().fit(Book.of(scene))
    plain.cutoff_ = NOW
    return plain


@pytest.fixture(scope="session")
def raised(model, channel):
    return model.score(channel.tables, NOW)["alerts"]
