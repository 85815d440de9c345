import numpy as np
import pandas as pd
import pytest

from features.frequency import MONTHLY
from features.panel import Panel
from training.settings import DemandConfig
from training.tune import tune


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    y = rng.gamma(5, 10, size=(12, 40)) * (1 + 0.5 * np.sin(np.arange(40) * np.pi / 6))
    static = pd.DataFrame({"dealer_id": [f"D{i}" for i in range(12)], "sku_id": "S"})
    return Panel(static=static, first=pd.Timestamp("2020-01-01"), freq=MONTHLY, y=y)


@pytest.fixture(scope="module")
def config():
    return DemandConfig.model_validate({"boosted": {"rounds": 15, "learning_rate": 0.01}})


def test_the_answer_is_never_worse_than_what_we_had(panel, config):
    tuned = tune(panel, 2, config, trials=4)
    assert tuned.wape <= tuned.wape_before
    assert tuned.config.boosted["rounds"] == 15


def test_the_same_seed_finds_the_same_settings(panel, config):
    assert tune(panel, 2, config, trials=3).config == tune(panel, 2, config, trials=3).config
