import numpy as np
import pandas as pd
import pytest
import small_channel
from live import Live, free_port, release, served, wait

from features.frequency import MONTHLY
from features.gather import gather
from features.lake import Lake
from models.demand.baselines import mean_3
from models.demand.boosted import Boosted
from models.demand.members import Local
from models.demand.model import DemandModel, Replay
from serving.settings import Settings
from serving.snapshot import Snapshot

HORIZON = 3


def _members():
    return {
        "boosted": Boosted(rounds=20, learning_rate=0.1, min_rows=5),
        "mean_3": Local(mean_3),
    }


def _replay(panel):
    panels = [panel.at(t, ahead=HORIZON) for t in (34, 37)]
    asked = [[m.fit(p, HORIZON).predict(p) for m in _members().values()] for p in panels]
    return Replay(
        names=tuple(_members()),
        panels=panels,
        forecasts=[np.stack(layers, axis=2) for layers in asked],
        truths=[panel.y[:, t : t + HORIZON] for t in (34, 37)],
    )


@pytest.fixture(scope="session")
def lake_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("channel") / "warehouse"
    Lake(folder).merge(small_channel.tables(), source="test")
    return folder


@pytest.fixture(scope="session")
def panel(lake_folder):
    return gather(Lake(lake_folder).as_of(pd.Timestamp("2026-01-01")), MONTHLY)


@pytest.fixture(scope="session")
def model(panel):
    """A real model of the room, small: 20 trees and a mean."""
    fitted = {name: member.fit(panel, HORIZON) for name, member in _members().items()}
    return DemandModel().fit(panel, fitted, _replay(panel))


@pytest.fixture(scope="session")
def snapshot(model, panel):
    return Snapshot(
        name="demand",
        version="1",
        model=model,
        card={"data_version": "trained-on"},
        trained_at="2026-01-01T00:00:00+00:00",
        panel=panel,
        data_version="lake-1",
    )


@pytest.fixture(scope="session")
def service(lake_folder, model):
    """The real service with a champion and a lake."""
    home = lake_folder.parent
    release(home, model, data_version="trained-on")
    settings = Settings(home=home, port=free_port(), rate_per_minute=200, poll_seconds=0.3)
    live = Live(home, settings).start()
    try:
        with live.client() as client:
            wait(lambda: served(client) == "1", seconds=60)
        yield live
    finally:
        live.stop()
