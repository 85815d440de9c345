"""OpenAPI: the contract of the API as a document, made from the models that enforce it.

BentoML writes one too, but leaves out the GET paths, the refusals and the keys.

>>> [path for path in specification()["paths"] if path.startswith("/v1/risk")]
['/v1/risk/orders']
"""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.answers import ANSWERS, Answerer
from serving.errors import MEDIA_TYPE, PROBLEMS, Problem, ProblemBody
from serving.pages import ModelList
from serving.rooms import added, anomaly, dealer_plan, demand, explanation, nowcast, overrides

Json = dict[str, Any]
_ANY_READ = (401, 403, 404, 405, 429, 503)
_ANY_CALL = (400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503, 504)
_REF = "#/components/schemas/"
_FIRST = ("Request", "Key", "Series", "Observation", "Values", "Response", "SeriesForecast", "ForecastPeriod")


def specification() -> Json:
    """The whole document (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Qudao",
            "version": version("qudao"),
            "description": "Calibrated demand forecasts and scored decisions for every dealer.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": [{"bearer": []}, {"header": []}],
    }


def _paths() -> Json:
    forecasts = {
        "operationId": "forecast",
        "summary": "Forecast demand",
        "description": "Up to hundreds of series in one call, by key or with their history.",
        "requestBody": {"required": True, "content": {"application/json": _body()}},
        "responses": _responses("Response", "The forecasts.", _ANY_CALL),
    }
    models = {
        "operationId": "models",
        "summary": "Which model answers, and what it can be asked",
        "responses": _responses("ModelList", "The models in use.", _ANY_READ),
    }
    return {
        "/v1/forecasts": {"post": forecasts},
        explanation.ROUTE: {"get": _explanation()},
        overrides.ROUTE: {"post": _override()},
        added.ROUTE: {"get": _fva()},
        nowcast.ROUTE: {"post": _nowcast()},
        **{route: {"post": _answered(one)} for route, one in ANSWERS.items()},
        "/v1/alerts": {"get": _alerts()},
        "/v1/alerts/{alert_id}/verdict": {"post": _verdict()},
        dealer_plan.ROUTE: {"post": _plan()},
        "/v1/models": {"get": models},
        "/metrics": {"get": _text("metrics", "Metrics for Prometheus", _ANY_READ)},
        "/livez": {"get": _text("live", "Whether the process is alive", ()) | {"security": []}},
        "/readyz": {"get": _text("ready", "Whether a model is loaded", (503,)) | {"security": []}},
    }


def _answered(one: Answerer) -> Json:
    content = {"schema": {"$ref": f"{_REF}{_prefix(one)}Request"}, "example": dict(one.example)}
    return {
        "operationId": one.operation,
        "summary": one.summary,
        "description": "Every answer names its model, its data and the moment that was seen.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses(f"{_prefix(one)}Response", "The answer.", _ANY_CALL),
    }


def _alerts() -> Json:
    texts = {"type": "string"}
    numbers = {"type": "integer", "minimum": 1}
    return {
        "operationId": "alerts",
        "summary": "What is wrong in the channel now, the most urgent first",
        "parameters": [
            {"name": name, "in": "query", "schema": numbers if name == "limit" else texts}
            for name in anomaly.FILTERS
        ],
        "responses": _responses("AlertsResponse", "The alerts.", (400, *_ANY_READ, 422)),
    }


def _verdict() -> Json:
    content = {"schema": {"$ref": f"{_REF}VerdictRequest"}, "example": dict(anomaly.EXAMPLE)}
    place = {"name": "alert_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": "verdict",
        "summary": "What a person decided about an alert",
        "parameters": [place],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses("VerdictResponse", "The alert with its new status.", _ANY_CALL),
    }


def _plan() -> Json:
    content = {"schema": {"$ref": f"{_REF}PlanRequest"}, "example": dict(dealer_plan.EXAMPLE)}
    place = {"name": "dealer_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": "plan",
        "summary": "One dealer: forecast, order, rebate, credit and alerts, drawn from one forecast",
        "parameters": [place],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses("PlanResponse", "The plan.", _ANY_CALL),
    }


def _explanation() -> Json:
    place = {"name": "forecast_id", "in": "path", "required": True, "schema": {"type": "string"}}
    asked = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in explanation.FILTERS]
    return {
        "operationId": "explanation",
        "summary": "Why a forecast is what it is: drivers that add up to it, and what it would be otherwise",
        "parameters": [place, *asked],
        "responses": _responses("ExplanationResponse", "The explanation.", (400, *_ANY_READ, 422)),
    }


def _override() -> Json:
    content = {"schema": {"$ref": f"{_REF}OverrideRequest"}, "example": dict(overrides.EXAMPLE)}
    return {
        "operationId": "override",
        "summary": "A planner's own figures, with a reason, until they expire",
        "description": "A quantity is dealt out over its cells in proportion to the forecast, exactly.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses("OverrideResponse", "The edit, cell by cell.", _ANY_CALL),
    }


def _fva() -> Json:
    asked = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in added.FILTERS]
    return {
        "operationId": "fva",
        "summary": "Forecast value added: by stage and by planner, on what was overridden",
        "parameters": asked,
        "responses": _responses("FvaResponse", "Value added so far.", (400, *_ANY_READ, 422)),
    }


def _nowcast() -> Json:
    content = {"schema": {"$ref": f"{_REF}NowcastRequest"}, "example": dict(nowcast.EXAMPLE)}
    return {
        "operationId": "nowcast",
        "summary": "What a period's sell-out will come to, from the outlets that have reported so far",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses("NowcastResponse", "The period so far, and to come.", _ANY_CALL),
    }


def _prefix(one: Answerer) -> str:
    return "".join(word.capitalize() for word in one.operation.split("_"))


def _named(model: type[BaseModel], prefix: str, mode: Literal["validation", "serialization"]) -> Json:
    """The schemas of a model and all in it; a prefix keeps rooms apart."""
    own = model.model_json_schema(mode=mode, ref_template=f"{_REF}{prefix}{{model}}")
    parts = own.pop("$defs", {})
    kind = "Request" if mode == "validation" else "Response"
    return {f"{prefix}{kind}": own} | {f"{prefix}{name}": part for name, part in parts.items()}


def _body() -> Json:
    examples = {"by_key": {"value": demand.BY_KEY}, "with_history": {"value": demand.BY_HISTORY}}
    return {"schema": {"$ref": f"{_REF}Request"}, "examples": examples}


def _text(operation: str, summary: str, refusals: Sequence[int]) -> Json:
    done = {"200": {"description": "Plain text.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    return {"operationId": operation, "summary": summary, "responses": done | _refusals(refusals)}


def _responses(schema: str, description: str, refusals: Sequence[int]) -> Json:
    content = {"application/json": {"schema": {"$ref": f"{_REF}{schema}"}}}
    return {"200": {"description": description, "content": content}} | _refusals(refusals)


def _refusals(statuses: Sequence[int]) -> Json:
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}ProblemBody"}}}
    return {
        str(status): {"description": f"{HTTPStatus(status).phrase}. {_step(status)}", "content": content}
        for status in (*statuses, 500)
    }


def _step(status: int) -> str:
    return PROBLEMS.get(status, Problem).next_step


def _schemas() -> Json:
    models = [(demand.Request, "validation"), (demand.Response, "serialization")]
    models += [(ModelList, "serialization"), (ProblemBody, "serialization")]
    _, found = models_json_schema(models, ref_template=_REF + "{model}")  # type: ignore[arg-type]
    schemas: Json = found["$defs"]
    for one in ANSWERS.values():
        schemas |= _named(one.request, _prefix(one), "validation")
        schemas |= _named(one.response, _prefix(one), "serialization")
    schemas |= _named(anomaly.Response, "Alerts", "serialization")
    schemas |= _named(anomaly.VerdictRequest, "Verdict", "validation")
    schemas |= _named(anomaly.VerdictResponse, "Verdict", "serialization")
    schemas |= _named(dealer_plan.Request, "Plan", "validation")
    schemas |= _named(dealer_plan.Response, "Plan", "serialization")
    schemas |= _named(explanation.Response, "Explanation", "serialization")
    schemas |= _named(overrides.Request, "Override", "validation")
    schemas |= _named(overrides.Response, "Override", "serialization")
    schemas |= _named(nowcast.Request, "Nowcast", "validation")
    schemas |= _named(nowcast.Response, "Nowcast", "serialization")
    schemas |= _named(added.Response, "Fva", "serialization")
    first = [name for name in _FIRST if name in schemas]
    return {name: schemas[name] for name in [*first, *sorted(schemas.keys() - set(first))]}
