"""The notebooks run from top to bottom, as a reader would run them, in a home of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 300


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[NotebookNode, Path]:
    """A notebook after its last cell, and the home that it filled."""
    home = tmp_path_factory.mktemp("home")
    notebook = nbformat.read(request.param, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUDAO_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client.execute()
    return notebook, home


def test_every_cell_runs_without_a_warning(run: tuple[NotebookNode, Path]) -> None:
    outputs = [output for cell in run[0].cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_it_leaves_a_registered_version_and_a_decision_in_its_home(run: tuple[NotebookNode, Path]) -> None:
    stores = {path.name for path in run[1].iterdir()}
    assert {"warehouse", "mlruns"} <= stores
    assert (run[1] / "mlruns" / "releases.jsonl").read_text(encoding="utf-8").count('"demand"') == 1


def test_it_shows_pictures_and_no_machine_path(run: tuple[NotebookNode, Path]) -> None:
    outputs = [output for cell in run[0].cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
    assert str(run[1]) not in nbformat.writes(run[0])  # type: ignore[no-untyped-call]
