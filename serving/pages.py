"""Pages: what can be read with GET: the models, the metrics, and the documentation.

A small Starlette application that the service mounts (BentoML's own endpoints are all POST,
without names in their paths), so a verdict on an alert and the plan of a dealer are here
too. The documentation is three packaged files and asks nothing of any other host. What `state`
holds (`shelf`, `board`, `settings`, ...) is set by the service when it starts.
"""

import json
from importlib.resources import files
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from features.frequency import frequency
from features.lake import Lake
from serving.errors import REQUEST_ID, NotReady, Problem
from serving.hand import now
from serving.metrics import expose
from serving.parse import parse
from serving.questions import Question
from serving.recall import recalled, unknown
from serving.rooms import added, anomaly, dealer_plan, explanation, nowcast, overrides
from serving.rooms.demand import model_used
from serving.scores import Scores
from serving.security.guard import CALLER, ROLE
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
    plans: list[str] = Field(
        description="Prices and promotions it uses when they are known ahead. `rival_price` is made of the "
        "net prices of a dealer's products in the same call, or of the service's own data."
    )
    members: list[str] = Field(description="The single methods that are blended.")
    series: int = Field(description="Series that can be asked for by key.")


class ScorerCard(BaseModel):
    """A scoring room's model that answers now."""

    name: str
    version: str
    trained_at: str
    trained_to: str = Field(description="Last moment that the model has seen in training.")
    data_version: str = Field(description="Of the data that it scores.")
    as_of: str = Field(description="Last moment that its scores have seen.")


class ModelList(BaseModel):
    """The models that answer now."""

    models: list[ModelCard]
    scorers: list[ScorerCard] = Field(description="Rooms that score dealers, invoices, orders and contracts.")


def scorer(scores: Scores) -> ScorerCard:
    """What a caller may know about a scoring room."""
    return ScorerCard(
        name=scores.name,
        version=scores.version,
        trained_at=scores.trained_at,
        trained_to=f"{scores.model.cutoff_:%Y-%m-%d}",
        data_version=scores.data_version,
        as_of=scores.as_of,
    )


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
    demand, board = request.app.state.shelf.current, request.app.state.board.current
    if demand is None and not (board and board.scores):
        return NotReady("No model is loaded.", headers={"Retry-After": "5"}).response()
    models = [card(demand)] if demand is not None else []
    scorers = [scorer(one) for one in board.scores.values()] if board else []
    return JSONResponse(ModelList(models=models, scorers=scorers).model_dump())


async def _alerts(request: Request) -> Response:
    return await run_in_threadpool(_listed, request)


def _listed(request: Request) -> Response:
    """The alerts of now with the verdicts of now, also those of a moment ago."""
    try:
        scores = request.app.state.board.need().need("anomaly")
        asked = parse(anomaly.Request, _queried(request), known=anomaly.FIELDS)
        answer = anomaly.answer(asked, scores, _lake(request).read("verdicts"))
    except Problem as problem:
        return problem.response()
    return _made(answer, scores)


async def _verdict(request: Request) -> Response:
    return await run_in_threadpool(_decided, request, await request.body())


def _decided(request: Request, body: bytes) -> Response:
    """Write what a person decided; the next answer knows it."""
    try:
        scores = request.app.state.board.need().need("anomaly")
        asked = parse(anomaly.VerdictRequest, body, known=anomaly.FIELDS)
        answer = anomaly.decide(
            request.path_params["alert_id"],
            asked,
            scores,
            _lake(request),
            caller=request.scope[CALLER],
            now=pd.Timestamp.now("UTC").tz_localize(None),
        )
    except Problem as problem:
        return problem.response()
    return _made(answer, scores)


async def _plan(request: Request) -> Response:
    return await run_in_threadpool(_planned, request, await request.body())


def _planned(request: Request, body: bytes) -> Response:
    """One dealer's plan; kept, so that it can be made again. A dealer's key gets its own view."""
    try:
        board, dealer_id = request.app.state.board.need(), request.path_params["dealer_id"]
        asked = parse(dealer_plan.Request, body, known=dealer_plan.FIELDS)
        if request.scope[ROLE] == "dealer":
            asked = asked.model_copy(update={"view": "dealer"})
        answer = dealer_plan.answer(dealer_id, asked, board.scores)
    except Problem as problem:
        return problem.response()
    question = {"dealer_id": dealer_id, **asked.model_dump()}
    told = answer.model_dump(mode="json")
    request.app.state.decisions.note(REQUEST_ID.get(), dealer_plan.ROUTE, question, told, board.scores)
    versions = ",".join(f"{room}/{version}" for room, version in answer.models.items())
    headers = {"Qudao-Model": versions, "Qudao-Data": answer.data_version}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


async def _explanation(request: Request) -> Response:
    return await run_in_threadpool(_explained, request)


def _explained(request: Request) -> Response:
    """Why a forecast is what it is, by the model and the data that gave it."""
    state = request.app.state
    try:
        asked = parse(explanation.Request, _queried(request), known=explanation.FIELDS)
        question = state.questions.find(request.path_params["forecast_id"])
        if question is None:
            raise unknown("No forecast of that id is among the last ones kept here.")
        answer = _then_or_now(asked, question, state)
    except Problem as problem:
        return problem.response()
    headers = {"Qudao-Model": f"demand/{answer.model.version}", "Qudao-Series": "1"}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


async def _override(request: Request) -> Response:
    return await run_in_threadpool(_overridden, request, await request.body())


def _overridden(request: Request, body: bytes) -> Response:
    """Write a planner's figures, and who did so; the next forecast shows them."""
    state, caller = request.app.state, request.scope[CALLER]
    try:
        snapshot = state.shelf.need()
        asked = parse(overrides.Request, body, known=overrides.FIELDS)
        author = overrides.Author.of(asked, caller, pd.Timestamp.now("UTC"))
        most = state.settings.max_series
        answer = overrides.override(asked, snapshot, _lake(request), author, max_series=most)
    except Problem as problem:
        return problem.response()
    told = {name: getattr(answer, name) for name in ("edit_id", "written", "author")}
    state.audit.note(
        request_id=REQUEST_ID.get(), caller=caller, event="override", cells=len(answer.cells), **told
    )
    return _of_demand(answer, snapshot, len({cell.unique_id for cell in answer.cells}))


async def _nowcast(request: Request) -> Response:
    return await run_in_threadpool(_nowcasted, request, await request.body())


def _nowcasted(request: Request, body: bytes) -> Response:
    """What a period's sell-out will come to, from the outlets that have reported."""
    try:
        asked = parse(nowcast.Request, body, known=nowcast.FIELDS)
        answer = nowcast.answer(asked, request.app.state.sell_out, now())
    except Problem as problem:
        return problem.response()
    headers = {"Qudao-Data": answer.data_version, "Qudao-Series": str(len(answer.series))}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


async def _fva(request: Request) -> Response:
    return await run_in_threadpool(_added, request)


def _added(request: Request) -> Response:
    """What each stage, and each planner, was worth so far."""
    state = request.app.state
    try:
        asked, snapshot = parse(added.Request, _queried(request), known=added.FIELDS), state.shelf.need()
        answer = added.answer(asked, snapshot, state.hand.rows())
    except Problem as problem:
        return problem.response()
    return _of_demand(answer, snapshot, 0)


def _of_demand(answer: BaseModel, snapshot: Snapshot, series: int) -> Response:
    headers = {
        "Qudao-Model": f"{snapshot.name}/{snapshot.version}",
        "Qudao-Data": snapshot.data_version,
        "Qudao-Series": str(series),
    }
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def _then_or_now(asked: explanation.Request, question: Question, state: State) -> explanation.Response:
    """By what answers now, when it would answer the same; else by what answered then."""
    try:
        return explanation.answer(asked, question, state.shelf.need())
    except explanation.Stale:
        then = recalled(state.settings, question)
    try:
        return explanation.answer(asked, question, then)
    except explanation.Stale:
        raise unknown("The data of this forecast was changed in the warehouse itself.") from None


def _made(answer: BaseModel, scores: Scores) -> Response:
    headers = {"Qudao-Model": f"{scores.name}/{scores.version}", "Qudao-Data": scores.data_version}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def _queried(request: Request) -> bytes:
    """The query as the JSON of a request: whole numbers as numbers."""
    given = {
        name: int(v) if v.isdecimal() and name == "limit" else v for name, v in request.query_params.items()
    }
    return json.dumps(given).encode()


def _lake(request: Request) -> Lake:
    return Lake(request.app.state.warehouse)


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
        Route("/v1/alerts", _alerts),
        Route("/v1/alerts/{alert_id}/verdict", _verdict, methods=["POST"]),
        Route(dealer_plan.ROUTE, _plan, methods=["POST"]),
        Route(explanation.ROUTE, _explanation),
        Route(overrides.ROUTE, _override, methods=["POST"]),
        Route(added.ROUTE, _fva),
        Route(nowcast.ROUTE, _nowcast, methods=["POST"]),
    ]
    return Starlette(routes=routes)
