"""Decisions: every answer of a scoring room, kept so that it can be given again.

One JSON line a call in `private/decisions.jsonl`: the question as it was asked, the versions of
every model that had a say, the version of every table, the moment that was seen, and the digest of
the answer. `replay` loads exactly those models and tables, asks again, and tells whether the answer
is the same to the last byte.

The file holds what callers sent: it belongs to the operator (mode 600) and is never served.

Errors: UnknownDecision, models.registry.RegistryError (a model that is gone).
Limits: the lake must not have been cleaned of the versions that a decision used; the same version
of Qudao is assumed.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import ChannelError
from serving.scores import Data, Model, Scores, score_rooms
from serving.security.audit import Audit

if TYPE_CHECKING:
    from features.lake import Lake
    from models.registry import Registry

log = logging.getLogger("qudao.decisions")
JOINED = "*"  # in place of a room: several rooms answered together
Rooms = Mapping[str, Scores]
Answer = Callable[[Mapping[str, Any], Any], Any]  # question, scores (or rooms) -> answer as JSON holds it


class UnknownDecision(ChannelError):
    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"No decision {request_id!r} is on record. Its id is the X-Request-ID of the answer; "
            "decisions are kept by the machine that gave them."
        )


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A decision that was taken again."""

    request_id: str
    route: str
    at: str
    answer: Any
    same: bool

    def __str__(self) -> str:
        word = "the same answer" if self.same else "ANOTHER answer than was given"
        return f"{self.route} of {self.at}: {word}."


@dataclass(frozen=True)
class Decisions:
    """An append-only file of answers that can be given again."""

    file: Path

    def note(
        self, request_id: str, route: str, question: Mapping[str, Any], answer: Any, told: Scores | Rooms
    ) -> None:
        """Append one answer with everything that made it: one room's scores, or those of several rooms."""
        rooms = {told.name: told} if isinstance(told, Scores) else dict(told)
        scores = next(iter(rooms.values()))
        line = {
            "request_id": request_id,
            "route": route,
            "room": scores.name if isinstance(told, Scores) else JOINED,
            "question": question,
            "models": {name: version for one in rooms.values() for name, version in one.models.items()},
            "tables": dict(scores.data.stored),
            "data_version": scores.data_version,
            "moment": scores.moment.isoformat(),
            "digest": digest(answer),
        }
        Audit(self.file).note(**line)

    def find(self, request_id: str) -> dict[str, Any]:
        """The line of a decision."""
        for line in Audit(self.file).read():
            if line["request_id"] == request_id:
                return line
        raise UnknownDecision(request_id)

    def replay(
        self, request_id: str, registry: "Registry", lake: "Lake", answers: Mapping[str, Answer]
    ) -> Replayed:
        """Ask the same models about the same data again."""
        line = self.find(request_id)
        data = Data(
            tables=lake.history(line["tables"]),
            moment=pd.Timestamp(line["moment"]),
            version=line["data_version"],
            stored=line["tables"],
        )
        models = {room: _model(registry, room, version) for room, version in line["models"].items()}
        made = score_rooms(models, data)
        told = made if line["room"] == JOINED else made[line["room"]]
        again = answers[line["route"]](line["question"], told)
        return Replayed(
            request_id=request_id,
            route=line["route"],
            at=line["at"],
            answer=again,
            same=digest(again) == line["digest"],
        )


def digest(answer: Any) -> str:
    """SHA-256 of an answer, whatever the order of its keys."""
    text = json.dumps(answer, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _model(registry: "Registry", room: str, version: str) -> Model:
    from serving.snapshot import written

    loaded = registry.load(room, version)
    made = {v.version: v.created_ms for v in registry.versions(room)}
    return Model(
        model=loaded.model, version=loaded.version, card=loaded.card, trained_at=written(made[loaded.version])
    )
