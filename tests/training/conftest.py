from functools import partial

import pytest

from features.panel import Panel
from tests.panels import small_channel
from tests.toy_room import toy
from training.recipes import demand
from training.rehearsal import Make, Rehearsals

H = 3


@pytest.fixture(scope="session")
def panel() -> Panel:
    """12 series, 36 months, prices and deals three months ahead."""
    return small_channel(4, 3, t=36)


@pytest.fixture(scope="session")
def quick(panel: Panel) -> Make:
    """Fresh members that train at once: a few trees and Theta."""
    return partial(demand.members, toy(members=("boosted", "theta")), panel)


@pytest.fixture(scope="session")
def past(panel: Panel, quick: Make) -> Rehearsals:
    """Rehearsed for models of the last two cutoffs."""
    rehearsals = Rehearsals(panel=panel, horizon=H, make=quick, windows=2)
    rehearsals.prepare([33, 36])
    return rehearsals
