"""How long it takes to explain one series of a forecast, and whether the drivers add up.

    python benchmarks/explanation.py

Stallion's 350 monthly series with plans; the room's members at the settings of configs/demand.yaml, fitted
on everything, two rehearsals; one thread. `series` is models.demand.explain alone, `asked` the answer of
GET /v1/forecasts/{id}/explanation without HTTP: the question looked up in the store, parsed, checked,
explained and written as JSON; from a forecast of one series and from one of all 350.

Results: benchmarks/results/explanation_stallion.json. Goal: p95 under 300 ms.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from models.demand.explain import explain  # noqa: E402
from serving.questions import Questions  # noqa: E402
from serving.recall import question_of  # noqa: E402
from serving.rooms import demand as room  # noqa: E402
from serving.rooms import explanation  # noqa: E402
from serving.snapshot import Snapshot  # noqa: E402
from training.progress import steps  # noqa: E402
from training.recipes import demand  # noqa: E402
from training.settings import DemandConfig  # noqa: E402
from training.trial import panel_of_file  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "explanation_stallion.json"
FILE = "stallion_agency_sku_monthly/stallion.parquet"
HORIZON, COUNT, GOAL_MS = 3, 150, 300.0


def main() -> int:
    folder = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    snapshot = _snapshot(folder / FILE)
    rows = np.random.default_rng(0).choice(snapshot.panel.n, COUNT, replace=False)
    told = [explain(snapshot.model, snapshot.panel, int(row), horizon=HORIZON) for row in rows[:20]]
    apart = max(float(np.abs(sum(t.drivers.values()) - t.mean).max()) for t in told)
    with tempfile.TemporaryDirectory() as scratch:
        store = Questions(Path(scratch) / "forecasts.log")
        result = {
            "series": _timed(rows, lambda row: explain(snapshot.model, snapshot.panel, row, horizon=HORIZON)),
            "asked_of_one": _timed(rows, _asker(snapshot, store, whole=False)),
            "asked_of_350": _timed(rows, _asker(snapshot, store, whole=True)),
            "largest_gap_of_the_sum_units": apart,
            "goal_p95_ms": GOAL_MS,
            "load_average": round(os.getloadavg()[0], 1),
        }
    OUT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0


def _snapshot(file: Path) -> Snapshot:
    config = DemandConfig.read().model_copy(update={"workers": 1, "replays": {"M": 2, "W": 2}})
    whole = panel_of_file([file], "stallion", freq="M")
    panel = whole.at(whole.t - HORIZON, ahead=HORIZON)
    past = demand.rehearsals(panel, HORIZON, config)
    with steps(len(past.needed([panel.t])), "Fitting", show=True) as tick:
        past.prepare([panel.t], tick=tick)
    return Snapshot(
        name="demand",
        version="1",
        model=past.model(panel.t),
        card={},
        trained_at="",
        panel=panel,
        data_version="",
        moment=pd.Timestamp("2018-01-01"),
    )


def _asker(snapshot: Snapshot, store: Questions, *, whole: bool) -> Callable[[int], object]:
    """Asks as the service does; the forecast was given before."""
    ids = [str(key) for key in snapshot.panel.ids]

    def given(names: list[str]) -> str:
        body = json.dumps({"keys": [{"unique_id": n} for n in names], "horizon": HORIZON}).encode()
        request = room.Request.model_validate_json(body)
        panel, horizon = room.asked(request, snapshot)
        name = room.forecast_id(snapshot, panel, request, horizon)
        store.keep(question_of(name, body, snapshot))
        return name

    all_of_them = given(ids)
    each = {} if whole else {name: given([name]) for name in ids}

    def ask(row: int) -> str:
        question = store.find(each.get(ids[row], all_of_them))
        asked = explanation.Request(unique_id=ids[row])
        return explanation.answer(asked, question, snapshot).model_dump_json()

    return ask


def _timed(rows: np.ndarray, ask: Callable[[int], object]) -> dict[str, Any]:
    """Time on the clock, and of the processor: they differ by what else the machine had to do."""
    clock, processor = [], []
    for row in rows:
        started, used = time.perf_counter(), time.process_time()
        ask(int(row))
        clock.append((time.perf_counter() - started) * 1000)
        processor.append((time.process_time() - used) * 1000)
    told = {}
    for name, taken in (("", clock), ("processor_", processor)):
        p50, p95 = np.percentile(taken, [50, 95])
        told |= {f"{name}p50_ms": round(p50, 1), f"{name}p95_ms": round(p95, 1)}
    return told | {"calls": len(rows)}


if __name__ == "__main__":
    raise SystemExit(main())
