import pandas as pd
import pytest

from features.simulator import World, simulate
from models.currency.model import CurrencyModel
from models.currency.terms import Terms

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="session")
def channel():
    """Dealers of whom most lie abroad."""
    world = World(seed=3, dealers=14, products=2, territories=7, months=36, abroad_share=0.8)
    return simulate(world)


@pytest.fixture(scope="session")
def owns(channel):
    return channel.truth["own_currencies"].set_index("dealer_id")["own_currency"].to_dict()


@pytest.fixture(scope="session")
def model(channel, owns):
    return CurrencyModel(Terms(own_currencies=owns)).fit(channel.tables, NOW)


@pytest.fixture(scope="session")
def scored(model, channel):
    return model.score(channel.tables, NOW)
