"""From an empty folder to a champion, to the next one, to the end: one service's life."""

import copy
import threading
import time

import httpx
import numpy as np
import pytest
from live import Live, free_port, wait
from small_channel import tables

from features.lake import Lake
from models.demand.baselines import mean_3
from models.demand.members import Local
from serving.settings import Settings
from tests.panels import panel_of

ASK = {"series": [{"unique_id": "A/x", "history": [{"period": "2017-09", "units": 5}]}], "horizon": 1}
PATH = "/v1/forecasts"
TIMEOUT_SECONDS = 3.0


def slow(model, seconds):
    """The same model, with a member that takes its time."""

    def late(y, *, season, horizon):
        time.sleep(seconds)
        return mean_3(y, season=season, horizon=horizon)

    copied = copy.copy(model)
    copied.members_ = dict(model.members_) | {"mean_3": Local(late).fit(panel_of(np.ones((1, 8))), 3)}
    return copied


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A service that starts with nothing: no model, no data."""
    home = tmp_path_factory.mktemp("bare")
    settings = Settings(
        home=home, port=free_port(), poll_seconds=0.2, timeout_seconds=TIMEOUT_SECONDS, max_waiting=1
    )
    live = Live(home, settings).start()
    with live.client() as client:
        live.first = [client.get("/livez"), client.get("/readyz"), client.post(PATH, json=ASK)]
    yield live
    if live.running:
        live.stop()


def test_503_with_the_next_step_while_nothing_is_loaded(bare):
    alive, ready, forecast = bare.first
    assert alive.status_code == 200
    for answer in (ready, forecast):
        assert answer.status_code == 503
        assert answer.json()["type"] == "/docs#nothing-loaded"
        assert "qudao train demand" in answer.json()["next_step"]


def test_a_released_model_is_loaded_without_a_restart(bare, model):
    version = bare.release(model)
    assert httpx.get(f"{bare.url}/readyz").status_code == 200
    with bare.client() as client:
        assert client.post(PATH, json=ASK).json()["model"]["version"] == version


def test_calls_never_fail_while_a_new_champion_comes_in(bare, model):
    bare.release(model)
    answers, done = [], threading.Event()

    def ask():
        with bare.client() as client:
            while not done.is_set():
                answers.append(client.post(PATH, json=ASK))

    asking = threading.Thread(target=ask)
    asking.start()
    version = bare.release(model)
    time.sleep(0.3)
    done.set()
    asking.join()
    assert {a.status_code for a in answers} == {200}
    assert answers[-1].json()["model"]["version"] == version
    assert len({a.json()["model"]["version"] for a in answers}) == 2


def test_new_data_is_taken_up(bare, model):
    bare.release(model)
    ask = {"keys": [{"unique_id": "D001/S001"}]}
    with bare.client() as client:
        Lake(bare.settings.warehouse).merge(tables(months=38), source="first")
        wait(lambda: client.post(PATH, json=ask).status_code == 200, seconds=20)
        before = client.post(PATH, json=ask).json()
        Lake(bare.settings.warehouse).merge(tables(months=40), source="then")
        wait(lambda: client.post(PATH, json=ask).json()["as_of"] != before["as_of"], seconds=20)
        after = client.post(PATH, json=ask).json()
    assert (before["as_of"], after["as_of"]) == ("2017-07", "2017-09")
    assert before["data_version"] != after["data_version"]


def test_504_when_the_model_is_too_slow_and_503_for_the_next_in_line(bare, model):
    bare.release(slow(model, TIMEOUT_SECONDS + 1.5))
    with bare.client() as client:
        late = client.post(PATH, json=ASK)
        assert (late.status_code, late.json()["type"]) == (504, "/docs#timeout")
        busy = client.post(PATH, json=ASK)  # the abandoned call still has the only place
        assert (busy.status_code, busy.json()["type"]) == (503, "/docs#busy")
        assert busy.headers["retry-after"] == "1"
        assert client.get("/v1/models").status_code == 200
    bare.release(model)
    with bare.client() as client:
        wait(lambda: client.post(PATH, json=ASK).status_code == 200, seconds=10)


def test_a_stop_finishes_what_is_in_hand(bare, model):
    bare.release(slow(model, 1.5))
    answers = []
    with bare.client() as client:
        asking = threading.Thread(target=lambda: answers.append(client.post(PATH, json=ASK)))
        asking.start()
        time.sleep(0.5)
        assert bare.stop() == 0
        asking.join()
    assert answers[0].status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{bare.url}/livez")
