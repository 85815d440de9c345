import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.registry import NoChampion, NothingBefore, Registry, RegistryError


class Doubler:
    """Any picklable thing with a predict: the registry knows no rooms."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, y: np.ndarray) -> np.ndarray:
        return y * self.factor / 3


def _save(registry, factor, room="demand", **card):
    run = registry.client.create_run(registry.experiment(room))
    return registry.save(room, Doubler(factor), run_id=run.info.run_id, card=card)


def test_what_was_saved_is_what_answers(registry):
    version = _save(registry, 0.1, data_version="7", members=["lstm"])
    loaded = registry.load("demand", version)
    y = np.random.default_rng(0).random(1000)
    assert loaded.model.predict(y).tobytes() == Doubler(0.1).predict(y).tobytes()
    assert loaded.card == {"data_version": "7", "members": ["lstm"]}
    assert loaded.version == version == "1"


def test_a_room_without_a_champion_says_how_to_get_one(registry):
    _save(registry, 1.0)
    with pytest.raises(NoChampion, match=r"qudao train demand.*qudao release demand"):
        registry.load("demand")
    with pytest.raises(NoChampion):
        registry.champion("credit")


def test_saving_does_not_move_the_champion(registry):
    registry.promote("demand", _save(registry, 1.0))
    _save(registry, 2.0)
    assert registry.champion("demand") == "1"


def test_rollback_restores_the_forecasts_byte_for_byte(registry):
    y = np.linspace(0, 1, 999)
    registry.promote("demand", _save(registry, 0.1))
    before = registry.load("demand").model.predict(y).tobytes()
    registry.promote("demand", _save(registry, 0.2))
    assert registry.load("demand").model.predict(y).tobytes() != before
    assert registry.rollback("demand") == "1"
    assert registry.load("demand").model.predict(y).tobytes() == before


def test_rolling_back_twice_does_not_bring_the_bad_one_back(registry):
    for factor in (1.0, 2.0):
        registry.promote("demand", _save(registry, factor))
    registry.rollback("demand")
    with pytest.raises(NothingBefore, match="Version 1 is the champion"):
        registry.rollback("demand")
    assert registry.champion("demand") == "1"


def test_promoting_the_champion_again_keeps_the_way_back(registry):
    for factor in (1.0, 2.0):
        registry.promote("demand", _save(registry, factor))
    registry.promote("demand", "2")
    assert registry.previous("demand") == "1"


@pytest.mark.parametrize("step", ["log_artifacts", "create_registered_model", "create_model_version"])
def test_an_interrupted_save_leaves_no_version_and_the_champion(registry, monkeypatch, step):
    registry.promote("demand", _save(registry, 1.0))

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry.client, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        _save(registry, 2.0)
    assert [v.version for v in registry.versions("demand")] == ["1"]
    assert registry.load("demand").model.factor == 1.0


def test_a_promotion_interrupted_before_its_last_step_moves_nothing(registry, monkeypatch):
    for factor in (1.0, 2.0):
        version = _save(registry, factor)
    registry.promote("demand", "1")
    set_alias = registry.client.set_registered_model_alias

    def dies_at_champion(name, alias, version):
        if alias == "champion":
            raise KeyboardInterrupt
        set_alias(name, alias, version)

    monkeypatch.setattr(registry.client, "set_registered_model_alias", dies_at_champion)
    with pytest.raises(KeyboardInterrupt):
        registry.promote("demand", version)
    assert registry.champion("demand") == "1"
    assert registry.previous("demand") is None


@pytest.mark.parametrize("file", ["model.pkl", "card.json"])
def test_a_file_that_changed_on_disk_is_refused(registry, file):
    registry.promote("demand", _save(registry, 1.0, note="a"))
    path = next(registry.folder.rglob(file))
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    with pytest.raises(RegistryError, match="not what was saved"):
        registry.load("demand")


def test_an_unknown_version_names_the_known_ones(registry):
    _save(registry, 1.0)
    with pytest.raises(RegistryError, match=r"no version '9'; it has \['1'\]"):
        registry.promote("demand", "9")


def test_rooms_do_not_share_versions(registry):
    _save(registry, 1.0)
    _save(registry, 2.0, room="credit")
    assert [v.version for v in registry.versions("demand")] == ["1"]
    assert registry.versions("price") == []


def test_versions_are_newest_first_with_their_aliases(registry):
    for factor in (1.0, 2.0, 3.0):
        registry.promote("demand", _save(registry, factor))
    assert [(v.version, v.aliases) for v in registry.versions("demand")] == [
        ("3", ("champion",)),
        ("2", ("previous",)),
        ("1", ()),
    ]


def test_a_store_answers_after_its_folder_moved(registry, tmp_path):
    registry.promote("demand", _save(registry, 5.0))
    shutil.move(registry.root, tmp_path / "elsewhere")
    assert Registry(root=tmp_path / "elsewhere").load("demand").model.factor == 5.0


def test_what_cannot_be_saved_says_so_and_leaves_nothing(registry):
    run = registry.client.create_run(registry.experiment("demand"))
    with pytest.raises(RegistryError, match="generator cannot be saved"):
        registry.save("demand", (i for i in range(3)), run_id=run.info.run_id, card={})
    assert registry.versions("demand") == []


def test_a_store_that_does_not_answer_keeps_its_password(tmp_path):
    registry = Registry("gopher://qudao:hush@127.0.0.1/none", root=tmp_path)
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_URI") as caught:
        registry.champion("demand")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_another_tool_reads_a_version_as_a_pyfunc(registry):
    registry.promote("demand", _save(registry, 3.0))
    folder = next(registry.folder.rglob("MLmodel")).parent
    code = (
        "import sys, mlflow.pyfunc, numpy as np;"
        "print(mlflow.pyfunc.load_model(sys.argv[1]).predict(np.ones(2)).tolist())"
    )
    env = {"PYTHONPATH": str(Path(__file__).parent), "MLFLOW_DISABLE_TELEMETRY": "true"}
    run = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=env)
    assert json.loads(done.stdout.splitlines()[-1]) == [1.0, 1.0]


def test_importing_the_registry_does_not_import_mlflow():
    code = "import sys, models.registry; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert done.stderr == ""


def test_opening_a_store_says_nothing_and_touches_only_its_root(tmp_path):
    code = (
        "from pathlib import Path; from models.registry import Registry; Registry(root=Path('home')).client"
    )
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "error"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=env, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert [p.name for p in tmp_path.iterdir()] == ["home"]
