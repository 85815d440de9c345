"""The settings of health and growth are what their files say."""

import pytest

from training.config import BadSettings
from training.recipes import growth, health


@pytest.mark.parametrize("config", [health.Config, growth.Config])
def test_the_file_holds_the_defaults(config):
    assert config.read() == config()


@pytest.mark.parametrize("config", [health.Config, growth.Config])
def test_a_misspelt_setting_is_named(config):
    with pytest.raises(BadSettings, match='Did you mean "industry"'):
        config.parse({"industri": "fmcg"})
