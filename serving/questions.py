"""Questions: what was asked for the last forecasts, so that each can be explained by its id.

A forecast's id is the name of an answer; to explain it the same model has to be asked the same question
again. One line a forecast, `id TAB base64(zlib(JSON))`: the body as it was sent, the model's version, the
version of every table and the moment that was seen. Workers append to one file under a lock and find each
other's lines; at `most_bytes` the file becomes FILE.1 and the one before that is dropped, so the store
holds the last of them, whatever happens, and survives a restart.

The file holds what callers sent: it belongs to the operator (mode 600) and is never served.

Errors: none; a full disk is reported in the log, and the forecast is then not explained.
Limits: one machine; `find` reads what was appended since it last looked.

>>> import tempfile
>>> questions = Questions(Path(tempfile.mkdtemp()) / "forecasts.log")
>>> questions.keep(Question("f-1", b'{"horizon": 3}', version="7", tables={}, moment=""))
>>> questions.find("f-1").body, questions.find("f-2")
(b'{"horizon": 3}', None)
"""

import base64
import binascii
import fcntl
import json
import logging
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger("qudao.questions")
MOST_BYTES = 32 * 2**20
_FAST = 1  # of zlib
_HEAD = 64  # bytes; a whole line is longer


@dataclass(frozen=True)
class Question:
    """What a forecast was asked, and of which model and data."""

    forecast_id: str
    body: bytes
    version: str = field(kw_only=True)
    tables: Mapping[str, int] = field(kw_only=True)
    moment: str = field(kw_only=True)

    def line(self) -> bytes:
        """As it is stored."""
        told = [self.body.decode(), self.version, dict(self.tables), self.moment]
        packed = base64.b64encode(zlib.compress(json.dumps(told).encode(), _FAST))
        return self.forecast_id.encode() + b"\t" + packed + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Question | None":
        """As it was stored; None when the line was cut off."""
        forecast_id, _, packed = line.partition(b"\t")
        try:
            body, version, tables, moment = json.loads(zlib.decompress(base64.b64decode(packed)))
        except (binascii.Error, zlib.error, ValueError):
            return None
        return cls(forecast_id.decode(), body.encode(), version=version, tables=tables, moment=moment)


@dataclass
class _Places:
    """Where each line of one file begins, and how far the file was read."""

    end: int = 0
    starts: dict[bytes, int] = field(default_factory=dict)


class Questions:
    """The last questions, on disk; shared by the workers of a machine."""

    def __init__(self, file: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.file, self.most_bytes = file, most_bytes
        self._known: dict[tuple[int, bytes], _Places] = {}  # by inode and first bytes: inodes are used again
        self._lock = threading.Lock()

    @property
    def older(self) -> Path:
        """The file before this one."""
        return self.file.with_name(f"{self.file.name}.1")

    def keep(self, question: Question) -> None:
        """Append a question, unless it is there."""
        try:
            if self.find(question.forecast_id) is None:
                self._append(question.line())
        except OSError as error:
            log.error("The questions of forecasts cannot be kept: %s", error.strerror)

    def find(self, forecast_id: str) -> Question | None:
        """The question of a forecast; None when it is not among the last."""
        with self._lock:
            for path in (self.file, self.older):
                if path.exists() and (line := self._line(path, forecast_id.encode())):
                    return Question.of(line)
        return None

    def _line(self, path: Path, key: bytes) -> bytes | None:
        with path.open("rb") as file:
            which = (os.fstat(file.fileno()).st_ino, file.read(_HEAD))
            places = self._known.setdefault(which, _Places())
            file.seek(places.end)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # somebody is still writing
                places.starts[line.partition(b"\t")[0]] = places.end
                places.end += len(line)
            if key not in places.starts:
                return None
            file.seek(places.starts[key])
            return file.readline()

    def _append(self, line: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            if self.file.exists() and self.file.stat().st_size + len(line) > self.most_bytes:
                self.file.replace(self.older)
                self._known = {}
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(line)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store against the other workers."""
        with self.file.with_name(f"{self.file.name}.lock").open("a") as handle:
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
            yield
