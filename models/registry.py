"""The registry: which model each room believes, and how to go back to the one before.

A room's models are the versions of one registered MLflow model, `qudao-<room>`. The version that
answers carries the alias `champion`; the one it replaced, `previous`. Saving never moves an alias
and promoting moves `champion` last, in one transaction, so an interruption at any moment leaves
the champion as it was.

A version is two files under its run's artifacts: `model.pkl` (cloudpickle) and `card.json` (what
the trainer wants known: data version, backtest artifact ...). Their SHA-256 is kept with the
version and checked at every load: what was saved is what answers. The folder is also an MLflow
pyfunc, so that `mlflow.pyfunc.load_model("models:/qudao-demand@champion")` works elsewhere.

The store is sqlite under `<root>/mlruns` with artifacts beside it, or any MLflow store by URI.
MLflow is imported when a store is first opened (3 s), never by importing this module, and its
telemetry is off.

Errors: NoChampion, NothingBefore, RegistryError (all of them). MLflow's and the database's own
messages may hold data rows or passwords: they are never passed on, only their codes.
Limits: a pickle is code; open stores that you trust.

>>> Registry.name("demand")
'qudao-demand'
"""

import fcntl
import hashlib
import json
import logging
import os
import pickle
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from models.errors import ModelError

CHAMPION, PREVIOUS = "champion", "previous"
_MODEL, _CARD, _DIGEST = "model.pkl", "card.json", "sha256"


class RegistryError(ModelError):
    """The store did not do what was asked; base of every error raised here."""


class NoChampion(RegistryError):
    def __init__(self, room: str) -> None:
        super().__init__(
            f"The room {room!r} has no champion yet: train it with `qudao train {room}`, "
            f"then release it with `qudao release {room}`."
        )


class NothingBefore(RegistryError):
    def __init__(self, room: str, champion: str) -> None:
        super().__init__(
            f"Version {champion} is the champion of {room!r} and none is remembered before it. "
            f"Promote another with `qudao release {room} --version N --force`."
        )


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model with its papers."""

    model: Any
    version: str
    run_id: str
    card: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Version:
    """One line of a room's history."""

    version: str
    run_id: str
    created_ms: int  # since 1970, UTC
    aliases: tuple[str, ...]
    folder: str  # artifact path in its run
    sha256: str  # of both files


class Registry:
    """The models of all rooms in one store."""

    def __init__(self, uri: str | None = None, *, root: Path) -> None:
        self.root = Path(root).resolve()
        self.uri = uri or f"sqlite:///{self.folder.as_posix()}/mlflow.db"

    @property
    def folder(self) -> Path:
        """Where the embedded store lives."""
        return self.root / "mlruns"

    @staticmethod
    def name(room: str) -> str:
        """A room's name in MLflow, as experiment and as registered model."""
        return f"qudao-{room}"

    @cached_property
    def client(self) -> Any:
        """The MLflow client of this store (no global tracking URI is set)."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is first imported
        self.folder.mkdir(parents=True, exist_ok=True)
        with _quietly(), guarded("open the model store"), _one_at_a_time(self.folder):
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            client.search_registered_models(max_results=1)  # an empty store is laid out now, by one of us
            return client

    def experiment(self, room: str) -> str:
        """Id of the room's experiment; made when it is not there."""
        name, client = self.name(room), self.client
        with guarded(f"open the experiment {name}"):
            if (found := client.get_experiment_by_name(name)) is None:
                with _already_there():
                    client.create_experiment(name, artifact_location=self._artifacts_uri())
                found = client.get_experiment_by_name(name)
        return str(found.experiment_id)

    def save(self, room: str, model: object, *, run_id: str, card: Mapping[str, Any]) -> str:
        """A new version of the room's model; the champion stays who it is."""
        name, client = self.name(room), self.client
        pickled, papers = _pickled(model), json.dumps(dict(card), indent=2, sort_keys=True).encode()
        digest = _digest(pickled, papers)
        with guarded(f"save a version of {name}"):
            folder = f"model-{digest[:12]}"
            with tempfile.TemporaryDirectory() as scratch:
                _write_pyfunc(Path(scratch), pickled, papers, run_id=run_id)
                client.log_artifacts(run_id, scratch, folder)
            with _already_there():
                client.create_registered_model(name)
            source = f"{client.get_run(run_id).info.artifact_uri}/{folder}"
            made = client.create_model_version(name, source, run_id, tags={_DIGEST: digest})
        return str(made.version)

    def load(self, room: str, version_or_alias: str = CHAMPION) -> Loaded:
        """The model and its card, exactly as they were saved."""
        found = self.version(room, version_or_alias)
        folder = self.artifact(found.run_id, found.folder)
        with guarded(f"read version {found.version} of {self.name(room)}"):
            pickled, papers = (folder / _MODEL).read_bytes(), (folder / _CARD).read_bytes()
        if _digest(pickled, papers) != found.sha256:
            raise RegistryError(
                f"Version {found.version} of {self.name(room)} is not what was saved: the SHA-256 of its "
                f"files differs. Restore them from a backup, or `qudao rollback {room}`."
            )
        card = json.loads(papers)
        return Loaded(model=_unpickled(pickled), version=found.version, run_id=found.run_id, card=card)

    def card(self, version: Version) -> dict[str, Any]:
        """The papers of a version alone, without opening its model."""
        path = self.artifact(version.run_id, f"{version.folder}/{_CARD}")
        with guarded(f"read the card of version {version.version}"):
            card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return card

    def champion(self, room: str) -> str:
        """The version that answers for this room: one look-up, cheap enough to poll."""
        version = self._aliases(room).get(CHAMPION)
        if version is None:
            raise NoChampion(room)
        return version

    def previous(self, room: str) -> str | None:
        """The version that a rollback would bring back."""
        before = self._aliases(room).get(PREVIOUS)
        return before if before != self.champion(room) else None

    def promote(self, room: str, version: str) -> None:
        """Make a version the champion; the champion until now is remembered as `previous`."""
        version = self.version(room, version).version
        old = self._aliases(room).get(CHAMPION)
        if old == version:
            return
        with guarded(f"promote version {version} of {self.name(room)}"):
            if old is not None:
                self.client.set_registered_model_alias(self.name(room), PREVIOUS, old)
            self.client.set_registered_model_alias(self.name(room), CHAMPION, version)

    def rollback(self, room: str) -> str:
        """Give the room back to its previous champion, and say which version that is."""
        champion, before = self.champion(room), self.previous(room)
        if before is None:
            raise NothingBefore(room, champion)
        with guarded(f"roll {self.name(room)} back"):
            self.client.set_registered_model_alias(self.name(room), CHAMPION, before)
            self.client.delete_registered_model_alias(self.name(room), PREVIOUS)
        return before

    def versions(self, room: str) -> list[Version]:
        """All versions of a room, newest first; empty before the first training."""
        aliases = self._aliases(room)
        with guarded(f"list the versions of {self.name(room)}"):
            found = list(self.client.search_model_versions(f"name='{self.name(room)}'"))
        rows = [_row(v, aliases) for v in found]
        return sorted(rows, key=lambda row: -int(row.version))

    def version(self, room: str, version_or_alias: str) -> Version:
        """One of them, by its number or its alias."""
        version = self._aliases(room).get(version_or_alias, str(version_or_alias))
        if version == CHAMPION:
            raise NoChampion(room)
        known = {v.version: v for v in self.versions(room)}
        if version not in known:
            raise RegistryError(
                f"{self.name(room)} has no version {version!r}; it has {list(known)[:10]}, newest first."
            )
        return known[version]

    def artifact(self, run_id: str, path: str) -> Path:
        """A file or folder that a run has kept, on this machine."""
        moved = self.folder / "artifacts" / run_id / "artifacts" / path
        if moved.exists():  # also when the whole folder was moved or mounted elsewhere
            return moved
        with guarded(f"fetch the artifact {path} of run {run_id}"):
            return Path(self.client.download_artifacts(run_id, path))

    def _artifacts_uri(self) -> str | None:
        own = self.uri.startswith(("http:", "https:"))  # a tracking server keeps its own
        return None if own else (self.folder / "artifacts").as_uri()

    def _aliases(self, room: str) -> dict[str, str]:
        with guarded(f"look {self.name(room)} up"):
            found = self.client.search_registered_models(f"name='{self.name(room)}'")
        return {a: str(v) for model in found for a, v in model.aliases.items()}


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turns what MLflow, the database and the disk say into a RegistryError without their words."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        code = getattr(error, "error_code", None) or type(error).__name__
        raise RegistryError(
            f"Could not {doing} ({code}). Check that MLFLOW_TRACKING_URI names a store that answers "
            "and that its artifact folder can be written."
        ) from None


@contextmanager
def _already_there() -> Iterator[None]:
    """Two trainings may make the same thing at once; the second finds it made."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Threads and processes that open a new store at once would both lay out its tables."""
    with (folder / ".opening").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back


@contextmanager
def _quietly() -> Iterator[None]:
    """No set-up chatter: MLflow's and Alembic's progress lines, SQLAlchemy's advice to MLflow."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)  # levels of single loggers are set again while mlflow is imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _row(made: Any, aliases: Mapping[str, str]) -> Version:
    return Version(
        version=str(made.version),
        run_id=made.run_id,
        created_ms=made.creation_timestamp,
        aliases=tuple(sorted(a for a, at in aliases.items() if at == str(made.version))),
        folder=made.source.rsplit("/", 1)[-1],
        sha256=made.tags.get(_DIGEST, ""),
    )


def _write_pyfunc(folder: Path, pickled: bytes, papers: bytes, *, run_id: str) -> None:
    from mlflow.models import Model

    (folder / _MODEL).write_bytes(pickled)
    (folder / _CARD).write_bytes(papers)
    Model(run_id=run_id).add_flavor("python_function", loader_module="models.registry", data=_MODEL).save(
        str(folder / "MLmodel")
    )


def _pickled(model: object) -> bytes:
    """The model as bytes that are known to read back."""
    try:
        pickled: bytes = cloudpickle.dumps(model)
    except (pickle.PicklingError, TypeError) as error:
        raise RegistryError(f"{type(model).__name__} cannot be saved: {error}.") from error
    _unpickled(pickled)
    return pickled


def _unpickled(pickled: bytes) -> Any:
    try:
        return pickle.loads(pickled)
    except (ImportError, AttributeError, pickle.UnpicklingError) as error:
        raise RegistryError(
            f"The saved model does not read back ({error}). Install the version of qudao that trained it, "
            "or train again."
        ) from error


def _digest(pickled: bytes, papers: bytes) -> str:
    return hashlib.sha256(pickled + papers).hexdigest()


def _load_pyfunc(path: str) -> Any:
    """What MLflow calls to read a pyfunc."""
    return _unpickled(Path(path).read_bytes())
