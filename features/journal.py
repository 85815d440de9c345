"""The lake's journal: which version of each table is whole, whatever happens.

One small file says "done" or "open" and names the version of every table before the batch
that is being written. Readers read at these versions, so they never see half a batch;
after a crash the tables are put back to them. One writer at a time holds the lock, which
the system frees when its process ends, however it ends.

Errors: LakeBusy (another writer did not end in time).
Limits: a local or network folder with POSIX locks; not an object store.

>>> import tempfile
>>> journal = Journal(Path(tempfile.mkdtemp()))
>>> journal.begin({"sell_in": 4, "stock": None})
>>> journal.state()
State(open=True, versions={'sell_in': 4, 'stock': None})
>>> journal.end({"sell_in": 5, "stock": 0})
>>> journal.state().open
False
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from features.errors import LakeBusy

POLL_S = 0.02


@dataclass(frozen=True)
class State:
    """What the journal says; None is a table that did not exist before the batch."""

    open: bool = False
    versions: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """The journal and the lock of one lake folder."""

    root: Path

    def state(self) -> State:
        """The last thing written; nothing open when the lake is new."""
        try:
            return State(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return State()

    @property
    def started(self) -> bool:
        """Whether anything was ever written."""
        return self._file.exists()

    def begin(self, versions: Mapping[str, int | None]) -> None:
        """A batch starts; `versions` are what to return to."""
        self._write(State(open=True, versions=dict(versions)))

    def end(self, versions: Mapping[str, int | None]) -> None:
        """The batch is whole; `versions` are what to read from now on."""
        self._write(State(open=False, versions=dict(versions)))

    @contextmanager
    def lock(self, wait_s: float) -> Iterator[None]:
        """Hold the lake alone, waiting at most `wait_s` seconds for another writer."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "_lock").open("a") as handle:
            deadline = time.monotonic() + wait_s
            while not _taken(handle.fileno()):
                if time.monotonic() >= deadline:
                    raise LakeBusy(str(self.root), wait_s)
                time.sleep(POLL_S)
            yield

    @property
    def _file(self) -> Path:
        return self.root / "_journal.json"

    def _write(self, state: State) -> None:
        """Replace the file in one step that outlives a power cut."""
        draft = self._file.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as handle:
            json.dump(asdict(state), handle)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(self._file)
        folder = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
