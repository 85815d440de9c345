"""The settings of the price room are what its file says."""

import pytest

from training.config import BadSettings
from training.recipes import price


def test_the_file_holds_the_defaults():
    assert price.Config.read() == price.Config()


@pytest.mark.parametrize(
    "fault", [{"step_rate": 0.0}, {"margin_floor_rate": 1.0}, {"least_probability": 0.2}]
)
def test_rates_that_make_no_sense_are_refused(fault):
    with pytest.raises(BadSettings, match=next(iter(fault))):
        price.Config.parse(fault)


def test_a_misspelt_setting_is_named():
    with pytest.raises(BadSettings, match='Did you mean "step_rate"'):
        price.Config.parse({"steprate": 0.1})
