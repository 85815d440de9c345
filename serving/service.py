"""Service: the endpoints, hosted by BentoML (`bentoml serve serving.service:service`).

Everything passes the guard first. A POST is a method here; what can be read with GET is in
serving.pages. A room's work is in serving.rooms: a method only joins the question to the
current snapshot.
"""

from typing import ClassVar, Self

import bentoml
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from serving.errors import Problem
from serving.pages import application
from serving.parse import parse
from serving.rooms import demand
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
        self.settings = Settings.load()
        self.demand = Shelf(DemandSource(self.settings), poll_seconds=self.settings.poll_seconds)
        self.demand.start()
        pages.state.shelf = self.demand

    async def __is_ready__(self) -> bool:
        return self.demand.current is not None

    @bentoml.api(route="/v1/forecasts", input_spec=Body, output_spec=demand.Response)  # type: ignore[untyped-decorator]
    def forecasts(self, body: Body, /) -> Response:
        """Demand of each asked dealer and product in the coming periods."""
        try:
            request, snapshot = parse(demand.Request, body.raw, known=demand.FIELDS), self.demand.need()
            answer = demand.answer(request, snapshot, max_series=self.settings.max_series)
        except Problem as problem:
            return problem.response()
        headers = {
            "Qudao-Model": f"{snapshot.name}/{snapshot.version}",
            "Qudao-Data": answer.data_version,
            "Qudao-Series": str(len(answer.forecasts)),
        }
        return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


service = bentoml.service(
    name="qudao",
    traffic={"timeout": 86_400},  # the guard's timeout_seconds is the one that counts
    metrics={"enabled": False},  # serving.metrics counts, refused calls too
)(Endpoints)
service.add_asgi_middleware(Guard, load=Settings.load)
service.mount_asgi_app(pages)
