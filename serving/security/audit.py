"""Audit: who asked for what, when, and which model answered.

One JSON line a call, appended in one write (so several processes share the file). It holds
names, versions, counts and the outcome; never a key, a body or a row of data. A full disk
is reported in the log and does not stop the service.

>>> import tempfile
>>> audit = Audit(Path(tempfile.mkdtemp()) / "audit.jsonl")
>>> audit.note(request_id="r1", caller="ann", path="/v1/forecasts", status=200)
>>> [entry["caller"] for entry in audit.read()]
['ann']
"""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

log = logging.getLogger("qudao.audit")


@dataclass(frozen=True)
class Audit:
    """An append-only file of calls."""

    file: Path

    def note(self, **entry: Any) -> None:
        """Append one call; the moment is added."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at} | entry, ensure_ascii=False) + "\n"
        try:
            self._append(line.encode())
        except OSError as error:
            log.error("The audit file cannot be written: %s", error.strerror)

    def read(self) -> Iterator[dict[str, Any]]:
        """Every call noted so far, the oldest first."""
        if self.file.exists():
            with self.file.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    def _append(self, line: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
