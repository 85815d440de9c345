"""Recall: the model and the data of a moment that is past, to answer as was answered then.

A forecast that was given before the champion or the data changed is explained by the model that gave it
and the tables as they were known. That takes seconds to load; the last one is kept.

Errors: serving.errors.NotFound (unknown-forecast): the version is gone, or the lake was cleaned.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

from features.errors import ChannelError
from serving.errors import NotFound
from serving.questions import Question
from serving.settings import Settings
from serving.snapshot import Snapshot, panel_from, written

AGAIN = "Ask again with POST /v1/forecasts; its answer has the id, and the last forecasts are kept."


def unknown(detail: str) -> NotFound:
    """A forecast that cannot be explained."""
    return NotFound(detail, kind="unknown-forecast", next_step=AGAIN)


def question_of(forecast_id: str, body: bytes, snapshot: Snapshot) -> Question:
    """A question with what is needed to ask it again."""
    return Question(
        forecast_id,
        body,
        version=snapshot.version,
        tables=snapshot.stored,
        moment="" if snapshot.moment is None else snapshot.moment.isoformat(),
    )


def recalled(settings: Settings, question: Question) -> Snapshot:
    """What answered a question."""
    if not question.moment:
        raise unknown("What this forecast started from is not on record.")
    try:
        return _snapshot(
            settings.home,
            settings.uri,
            question.version,
            tuple(sorted(question.tables.items())),
            question.moment,
        )
    except (ChannelError, OSError):
        raise unknown("The model or the data of this forecast is no longer on record.") from None


@lru_cache(maxsize=1)
def _snapshot(
    home: Path, uri: str | None, version: str, stored: tuple[tuple[str, int], ...], moment: str
) -> Snapshot:
    from models.registry import Registry

    registry = Registry(uri, root=home)
    loaded = registry.load("demand", version)
    made = {v.version: v.created_ms for v in registry.versions("demand")}
    return Snapshot(
        name="demand",
        version=loaded.version,
        model=loaded.model,
        card=loaded.card,
        trained_at=written(made[loaded.version]),
        panel=panel_from(_tables(home, dict(stored), moment), loaded.model, loaded.card),
        data_version="recalled",
        stored=dict(stored),
        moment=pd.Timestamp(moment),
    )


def _tables(home: Path, stored: Mapping[str, int], moment: str) -> dict[str, pd.DataFrame]:
    from features.known import known
    from features.lake import Lake

    settings = Settings(home=home)
    return known(Lake(settings.warehouse).history(stored), pd.Timestamp(moment))
