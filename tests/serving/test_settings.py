from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from serving.settings import CONFIG, BadSettings, Settings

SHIPPED = Path(__file__).parents[2] / CONFIG


def load(tmp_path, text="", **environ):
    (tmp_path / "configs").mkdir()
    (tmp_path / CONFIG).write_text(text)
    return Settings.load(environ={"QUDAO_HOME": str(tmp_path), **environ})


def test_the_shipped_file_states_the_defaults():
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert Settings.model_validate(shipped) == Settings()
    assert shipped.keys() == Settings.model_fields.keys() - {"home", "uri"}


def test_the_environment_beats_the_file(tmp_path):
    found = load(tmp_path, "port: 4000\nworkers: 2\n", QUDAO_PORT="5000")
    assert (found.port, found.workers, found.home) == (5000, 2, tmp_path)


def test_a_misspelt_setting_is_refused_with_a_hint(tmp_path):
    with pytest.raises(BadSettings, match="timout_seconds: not a setting; did you mean 'timeout_seconds'"):
        load(tmp_path, "timout_seconds: 5\nport: 99999\n")


def test_every_fault_is_told_at_once(tmp_path):
    with pytest.raises(BadSettings, match=r"(?s)workers.*access"):
        load(tmp_path, "workers: 0\naccess:\n  /metrics: [boss]\n")


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(BadSettings, match="cannot be read"):
        Settings.load(environ={"QUDAO_SERVING_CONFIG": str(tmp_path / "none.yaml")})


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().port = 1
