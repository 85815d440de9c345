"""The notebooks run from top to bottom, as a reader would run them, in a home of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 300


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(request, tmp_path_factory):
    """A notebook after its last cell, and the home that it filled."""
    home = tmp_path_factory.mktemp("home")
    notebook = nbformat.read(request.param, as_version=4)
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUDAO_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client.execute()
    return notebook, home


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def releases(notebook):
    """Whether it goes all the way to a released model, as the demand room's does."""
    return any("train_demand" in cell.source for cell in notebook.cells)


def test_every_cell_runs_without_a_warning(run):
    notebook, _ = run
    assert [output.text for output in outputs(notebook) if output.get("name") == "stderr"] == []


def test_the_first_one_leaves_a_registered_version_and_a_decision_in_its_home(run):
    notebook, home = run
    if not releases(notebook):
        pytest.skip("this notebook fits a scoring room in memory: it releases nothing")
    decisions = (home / "mlruns" / "releases.jsonl").read_text(encoding="utf-8")
    assert decisions.count('"room": "demand"') == 1
    assert (home / "warehouse" / "sell_in").is_dir()


def test_it_draws_and_names_no_folder_of_the_machine(run):
    notebook, home = run
    assert sum("image/png" in output.get("data", {}) for output in outputs(notebook)) >= (
        4 if releases(notebook) else 1
    )
    assert str(home) not in nbformat.writes(notebook)
