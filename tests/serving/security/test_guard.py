"""The guard around a small application, without a network."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.security.audit import Audit
from serving.security.guard import Guard
from serving.security.keys import Keyring
from serving.settings import Settings

PATH = "/v1/forecasts"
JSON = {"Content-Type": "application/json"}
LIMIT = 1024


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())} bytes")


async def _sleep(request: Request) -> PlainTextResponse:
    await asyncio.sleep(1)
    return PlainTextResponse("late")


async def _break(request: Request) -> PlainTextResponse:
    raise RuntimeError("row 17: qty 77123")


async def _leak(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Traceback: qty 77123", status_code=500)


@pytest.fixture
def guarded(tmp_path):
    """Makes a client for an application behind a guard."""

    def make(endpoint=_echo, *, authorized=True, **options):
        settings = Settings(home=tmp_path, **({"body_limit_bytes": LIMIT, "timeout_seconds": 0.3} | options))
        app = Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])
        key = Keyring(settings.keys_folder).create_key("t", "planner")
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(Guard(app, lambda: settings), raise_app_exceptions=False),
            base_url="http://guard",
            headers=JSON | ({"X-API-Key": key} if authorized else {}),
        )

    return make


def post(client, content):
    return asyncio.run(client.post(PATH, content=content))


@pytest.mark.parametrize(("size", "status"), [(1, 200), (LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 20, 413)])
def test_the_body_limit_is_exact(guarded, size, status):
    answer = post(guarded(), b"1" * size)
    assert answer.status_code == status
    assert status != 200 or answer.text == f"{size} bytes"


def test_the_limit_counts_what_comes_not_what_is_claimed(guarded):
    async def lying():
        for _ in range(30):
            yield b"1" * 100

    assert post(guarded(), lying()).status_code == 413


def test_a_claim_far_over_the_limit_is_answered_without_reading(guarded):
    async def never():
        raise AssertionError("read")
        yield b""

    client = guarded()
    request = client.build_request("POST", PATH, content=never(), headers={"Content-Length": str(LIMIT * 17)})
    assert asyncio.run(client.send(request)).status_code == 413


def test_a_body_that_does_not_come_is_not_waited_for(guarded):
    async def slowly():
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    answer = post(guarded(), slowly())
    assert (answer.status_code, answer.json()["type"]) == (408, "/docs#body-timeout")


def test_a_stranger_is_refused_before_the_body_is_read(guarded):
    async def never():
        raise AssertionError("read")
        yield b""

    assert post(guarded(authorized=False), never()).status_code == 401


def test_an_answer_that_takes_too_long_is_504(guarded):
    assert post(guarded(_sleep), b"{}").status_code == 504


def test_abandoned_calls_keep_their_place_until_they_end(guarded):
    async def story():
        client = guarded(_sleep, max_waiting=2)
        first = await asyncio.gather(*(client.post(PATH, content=b"{}") for _ in range(2)))
        third = await client.post(PATH, content=b"{}")
        await asyncio.sleep(0.8)
        fourth = await client.post(PATH, content=b"{}")
        return [a.status_code for a in (*first, third, fourth)]

    assert asyncio.run(story()) == [504, 504, 503, 504]


@pytest.mark.parametrize("endpoint", [_break, _leak])
def test_a_failure_inside_is_told_without_its_words(guarded, endpoint):
    answer = post(guarded(endpoint), b"{}")
    assert (answer.status_code, answer.json()["type"]) == (500, "/docs#internal-error")
    assert "77123" not in answer.text


def test_a_burst_may_use_the_whole_minute_and_no_more(guarded):
    async def burst():
        client = guarded(rate_per_minute=3)
        return [(await client.post(PATH, content=b"{}")).status_code for _ in range(5)]

    assert asyncio.run(burst()) == [200, 200, 200, 429, 429]


def test_refusals_of_strangers_are_audited_without_what_they_sent(guarded, tmp_path):
    post(guarded(authorized=False), b'{"secret": 77123}')
    (entry,) = Audit(Settings(home=tmp_path).audit_file).read()
    assert (entry["status"], entry["path"]) == (401, PATH)
    assert "77123" not in str(entry)


PLAN = "/v1/dealers/{dealer_id}/plan"


@pytest.mark.parametrize(("path", "status"), [(PLAN.format(dealer_id="D7"), 200), (PATH, 403)])
def test_a_dealers_key_sees_that_dealer_and_nothing_else(tmp_path, path, status):
    settings = Settings(home=tmp_path)
    app = Starlette(routes=[Route(one, _echo, methods=["POST"]) for one in (PATH, PLAN)])
    key = Keyring(settings.keys_folder).create_key("shop", "dealer", dealer_id="D7")

    async def asked(path):
        transport = httpx.ASGITransport(Guard(app, lambda: settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://guard", headers=JSON) as client:
            return (await client.post(path, content=b"{}", headers={"X-API-Key": key})).status_code

    assert asyncio.run(asked(path)) == status
    assert asyncio.run(asked(PLAN.format(dealer_id="D8"))) == 403
    assert asyncio.run(asked(PLAN.format(dealer_id="D70"))) == 403


def test_web_sockets_are_closed(tmp_path):
    sent = []

    async def send(message):
        sent.append(message)

    guard = Guard(Starlette(), lambda: Settings(home=tmp_path))
    asyncio.run(guard({"type": "websocket", "path": "/"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
