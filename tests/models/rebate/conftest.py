"""One small channel with two years of programmes behind it, and its model."""

import pandas as pd
import pytest

from features.simulator import World, simulate
from training.recipes import rebate

NOW = pd.Timestamp("2025-07-01")
WORLD = World(dealers=20, products=4, months=40, end="2025-12", seed=4, contract_share=0, survey_share=0)
CONFIG = rebate.Config(trees=15, most_rows=2_000, judged_cutoffs=2, judged_every_months=4)


@pytest.fixture(scope="session")
def tables():
    return simulate(WORLD).tables


@pytest.fixture(scope="session")
def fitted(tables):
    return rebate.fit(tables, NOW, CONFIG)


@pytest.fixture(scope="session")
def scored(fitted, tables):
    return fitted.model.score(tables, NOW)
