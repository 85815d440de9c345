"""Pages: what can be read with GET: the models, the metrics, and the documentation.

A small Starlette application that the service mounts (BentoML's own endpoints are all
POST). The documentation is three packaged files and asks nothing of any other host.
`state.shelf` is set by the service when it starts.
"""

from importlib.resources import files
from typing import Any

from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from features.frequency import frequency
from serving.errors import Problem
from serving.metrics import expose
from serving.rooms.demand import model_used
from serving.snapshot import Snapshot

_MEDIA = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


class ModelCard(BaseModel):
    """A model that answers now, and what it can be asked."""

    name: str
    version: str
    trained_at: str
    trained_to: str = Field(description="Last period that the model has seen in training.")
    data_version: str | None = Field(description="Of the data it was trained on.")
    frequency: str = Field(description="month or week")
    horizon: int = Field(description="Periods ahead, at most.")
    levels: list[float] = Field(description="Stated quantile levels; others lie between them.")
    plans: list[str] = Field(description="Prices and promotions it uses when they are known ahead.")
    members: list[str] = Field(description="The single methods that are blended.")
    series: int = Field(description="Series that can be asked for by key.")


class ModelList(BaseModel):
    """The models that answer now."""

    models: list[ModelCard]


def card(snapshot: Snapshot) -> ModelCard:
    """What a caller may know about a loaded model."""
    model = snapshot.model
    return ModelCard(
        **model_used(snapshot).model_dump(),
        frequency=frequency(model.freq_).noun,
        horizon=model.horizon_,
        levels=list(model.levels_),
        plans=list(model.plans_),
        members=list(model.member_names_),
        series=len(snapshot.rows),
    )


async def _models(request: Request) -> Response:
    try:
        snapshot: Snapshot = request.app.state.shelf.need()
    except Problem as problem:
        return problem.response()
    return JSONResponse(ModelList(models=[card(snapshot)]).model_dump())


async def _metrics(_: Request) -> Response:
    return Response(expose(), media_type="text/plain; version=0.0.4")


async def _home(_: Request) -> Response:
    return RedirectResponse("/docs")


async def _openapi(_: Request) -> Response:
    from serving.openapi import specification

    return JSONResponse(specification())


async def _docs(request: Request) -> Response:
    name = request.path_params.get("name", "docs.html")
    asset = files("serving").joinpath("assets", name).read_bytes()
    return Response(asset, media_type=_MEDIA[name.rpartition(".")[2]])


def application() -> Starlette:
    """The pages, not yet connected to a shelf."""
    routes: list[Any] = [
        Route("/", _home),
        Route("/docs", _docs),
        Route("/docs/{name}", _docs),
        Route("/openapi.json", _openapi),
        Route("/metrics", _metrics),
        Route("/v1/models", _models),
    ]
    return Starlette(routes=routes)
