"""Service: the endpoints, hosted by BentoML (`bentoml serve serving.service:service`).

Everything passes the guard first. A POST is a method here; what can be read with GET is in
serving.pages. A room's work is in serving.rooms: a method only joins the question to the
current snapshot.
"""

from typing import Any, ClassVar, Self

import bentoml
from pydantic import BaseModel
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from serving.answers import ANSWERS, Answerer
from serving.board import BoardSource
from serving.decisions import Decisions
from serving.errors import REQUEST_ID, Problem
from serving.hand import Hand, now
from serving.pages import application
from serving.parse import parse
from serving.questions import Questions
from serving.recall import question_of
from serving.rooms import demand
from serving.rooms.nowcast import SellOut
from serving.security.audit import Audit
from serving.security.guard import Guard
from serving.settings import Settings
from serving.snapshot import DemandSource, Shelf

pages = application()


class Body(bentoml.IODescriptor):  # type: ignore[misc]
    """The body as it came. A room parses it itself: BentoML would do so on the event loop, word
    the faults in its own way, and write what was sent into the log."""

    __root_input__: ClassVar[bool] = True
    raw: bytes

    @classmethod
    async def from_http_request(cls, request: HttpRequest, serde: object) -> Self:
        return cls(raw=await request.body())


class Endpoints:
    """One instance a worker process."""

    def __init__(self) -> None:
        self.settings = settings = Settings.load()
        self.demand = Shelf(DemandSource(settings), poll_seconds=settings.poll_seconds)
        self.board = Shelf(BoardSource(settings), poll_seconds=settings.poll_seconds)
        self.decisions = Decisions(settings.decisions_file)
        self.questions, self.hand = Questions(settings.questions_file), Hand(settings.warehouse)
        for shelf in (self.demand, self.board):
            shelf.start()
        pages.state.shelf, pages.state.board = self.demand, self.board
        pages.state.warehouse, pages.state.decisions = settings.warehouse, self.decisions
        pages.state.settings, pages.state.questions = settings, self.questions
        pages.state.sell_out = SellOut(settings.warehouse)
        pages.state.hand, pages.state.audit = self.hand, Audit(settings.audit_file)

    async def __is_ready__(self) -> bool:
        return self.demand.current is not None or bool(self.board.current and self.board.current.scores)

    @bentoml.api(route="/v1/forecasts", input_spec=Body, output_spec=demand.Response)  # type: ignore[untyped-decorator]
    def forecasts(self, body: Body, /) -> Response:
        """Demand of each asked dealer and product in the coming periods."""
        try:
            request, snapshot = parse(demand.Request, body.raw, known=demand.FIELDS), self.demand.need()
            most, force = self.settings.max_series, self.hand.in_force(now())
            answer = demand.answer(request, snapshot, max_series=most, force=force)
        except Problem as problem:
            return problem.response()
        self.questions.keep(question_of(answer.forecast_id, body.raw, snapshot))
        return _said(answer, snapshot.name, snapshot.version, answer.data_version, len(answer.forecasts))

    def _scored(self, route: str, body: Body) -> Response:
        """The answer of a scoring room; what decides something is kept for replay."""
        one = ANSWERS[route]
        try:
            question, scores = one.read(body.raw), self.board.need().need(one.room)
            answer = one.answer(question, scores)
        except Problem as problem:
            return problem.response()
        if one.decides:
            told = answer.model_dump(mode="json")
            self.decisions.note(REQUEST_ID.get(), route, question.model_dump(mode="json"), told, scores)
        return _said(answer, scores.name, scores.version, scores.data_version, 0)


def _said(answer: BaseModel, room: str, version: str, data_version: str, series: int) -> Response:
    headers = {"Qudao-Model": f"{room}/{version}", "Qudao-Data": data_version, "Qudao-Series": str(series)}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def _endpoint(route: str, one: Answerer) -> Any:
    """The method that answers a path of serving.answers."""

    def method(self: Endpoints, body: Body, /) -> Response:
        return self._scored(route, body)

    method.__name__ = method.__qualname__ = one.operation
    method.__doc__ = f"{one.summary}."
    return bentoml.api(route=route, input_spec=Body, output_spec=one.response)(method)


for _route, _one in ANSWERS.items():
    setattr(Endpoints, _one.operation, _endpoint(_route, _one))

service = bentoml.service(
    name="qudao",
    traffic={"timeout": 86_400},  # the guard's timeout_seconds is the one that counts
    metrics={"enabled": False},  # serving.metrics counts, refused calls too
)(Endpoints)
service.add_asgi_middleware(Guard, load=Settings.load)
service.mount_asgi_app(pages)
