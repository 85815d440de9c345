"""Launch: start the service, say what to do with it, stop when told to.

BentoML supervises the workers (one that dies is replaced; on SIGTERM each finishes what it
has in hand). Numeric libraries get one thread a worker: more of them only get in each
other's way. Nothing is reported to anybody: BentoML's and MLflow's telemetry are off.

>>> environment(Settings(port=8080), {"PATH": "/bin"})["OMP_NUM_THREADS"]
'1'
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException

from serving.settings import Settings

_START_SECONDS, _LOAD_SECONDS = 120.0, 60.0
_FIXED = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def serve(settings: Settings, *, say: Callable[[str], None] = print) -> int:
    """Run the service until it is told to stop; returns its exit code."""
    process = subprocess.Popen(command(settings), env=environment(settings, os.environ))  # noqa: S603 - our own
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        ready = _wait(settings, process)
        if process.poll() is None:
            say(_greeting(settings, ready=ready))
        return process.wait()
    except KeyboardInterrupt:  # the workers share the terminal and were interrupted too
        return process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def command(settings: Settings) -> list[str]:
    """How BentoML is started."""
    where = ["--host", settings.host, "--port", str(settings.port)]
    return [sys.executable, "-m", "bentoml", "serve", "serving.service:service", *where]


def environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the workers: the settings, one thread, no telemetry."""
    chosen = settings.model_dump(mode="json", exclude_none=True, exclude={"access"})
    own = {f"QUDAO_{name.upper()}": str(value) for name, value in chosen.items()}
    workers = {"BENTOML_CONFIG_OPTIONS": f"services.qudao.workers={settings.workers}"}
    return {**inherited, **_FIXED, **own, **workers}


def _wait(settings: Settings, process: "subprocess.Popen[bytes]") -> bool:
    """Whether a model is loaded; gives up when none comes or the process ends."""
    alive = _until(lambda: process.poll() is not None or _status(settings, "/livez") == 200, _START_SECONDS)
    return alive and _until(
        lambda: process.poll() is not None or _status(settings, "/readyz") == 200, _LOAD_SECONDS
    )


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.2)
    return held


def _status(settings: Settings, path: str) -> int:
    connection = HTTPConnection(_reachable(settings.host), settings.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _greeting(settings: Settings, *, ready: bool) -> str:
    url = f"http://{_reachable(settings.host)}:{settings.port}"
    if not ready:
        return f"{url} runs, but no model is loaded: train one, then `qudao release demand`. Docs: {url}/docs"
    return "\n".join(
        [
            f"Qudao answers at {url}; docs: {url}/docs",
            "A key: qudao key create me planner",
            f"  curl -H 'Authorization: Bearer KEY' {url}/v1/models",
        ]
    )


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
