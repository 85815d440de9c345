"""What tests of several packages need: an own model store each, whose tables are made once."""

import shutil
from pathlib import Path

import pytest

from models.registry import Registry


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with an MLflow database and nothing in it."""
    registry = Registry(root=tmp_path_factory.mktemp("store"))
    assert registry.client.search_registered_models() == []
    return registry.root


@pytest.fixture
def registry(empty_store: Path, tmp_path: Path) -> Registry:
    """A store of the test's own."""
    shutil.copytree(empty_store, tmp_path / "home")
    return Registry(root=tmp_path / "home")
