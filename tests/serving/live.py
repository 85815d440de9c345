"""The real service, started as `qudao serve` starts it, for tests that speak HTTP to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from models.registry import Registry
from serving.launch import environment
from serving.security.keys import Keyring
from serving.settings import Role, Settings

SERVE = """
from serving.launch import serve
from serving.settings import Settings
raise SystemExit(serve(Settings.load(), say=lambda text: print(text, flush=True)))
"""


@dataclass
class Live:
    """A running service and the folder it lives from."""

    home: Path
    settings: Settings
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.home / "service.log"

    def start(self) -> "Live":
        own = {"BENTOML_HOME": str(self.home / "bentoml")}
        env = environment(self.settings, os.environ) | own
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE], env=env, cwd=self.home, stdout=log, stderr=subprocess.STDOUT
            )
        wait(lambda: self._alive(), seconds=60)
        return self

    def stop(self, *, wait_seconds: float = 30) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait_seconds)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def client(self, role: Role = "planner", **options: Any) -> httpx.Client:
        """A client with a fresh key."""
        key = Keyring(self.settings.keys_folder).create_key(f"test {role}", role)
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30, **options
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def release(self, model: object, **card: Any) -> str:
        """Register a model as champion; its version."""
        version = release(self.home, model, **card)
        with self.client() as client:
            wait(lambda: served(client) == version, seconds=30)
        return version

    def _alive(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/livez", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def release(home: Path, model: object, **card: Any) -> str:
    registry = Registry(root=home)
    run = registry.client.create_run(registry.experiment("demand"))
    version = registry.save("demand", model, run_id=run.info.run_id, card=card)
    registry.promote("demand", version)
    return version


def served(client: httpx.Client) -> str | None:
    answer = client.get("/v1/models")
    return answer.json()["models"][0]["version"] if answer.status_code == 200 else None


def wait(holds: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
