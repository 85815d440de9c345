"""The documentation works without any other host, and the contract is a valid one."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlparse

import httpx
import pytest

from serving.errors import Problem
from serving.openapi import specification
from serving.rooms import demand
from serving.security.keys import Keyring


class Links(HTMLParser):
    """Everything that a browser would fetch, and the ids on the page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.inline = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        self.inline += tag in ("script", "style") and "src" not in found
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(found.get("src") or found.get("href") or "")


@pytest.fixture(scope="module")
def page(service):
    answer = httpx.get(f"{service.url}/", follow_redirects=True)
    links = Links()
    links.feed(answer.text)
    return service.url, answer.text, links


def test_the_page_asks_no_other_host(page):
    url, html, links = page
    assert links.fetched == ["/docs/docs.css", "/docs/docs.js"]
    for path in links.fetched:
        asset = httpx.get(urljoin(url, path))
        assert asset.status_code == 200
        html += asset.text
    hosts = {urlparse(found).hostname for found in re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", html)}
    assert hosts == set()
    assert links.inline == 0


def test_every_kind_of_problem_is_explained_on_the_page(page):
    kinds = {p.kind for p in Problem.__subclasses__()} | {
        "busy",
        "unknown-series",
        "missing-plans",
        Problem.kind,
    }
    assert kinds <= page[2].ids


def test_the_contract_is_served_and_every_reference_in_it_leads_somewhere(service):
    spec = httpx.get(f"{service.url}/openapi.json").json()
    assert spec["openapi"].startswith("3.1")
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(spec)):
        at = spec
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def test_every_operation_states_its_refusals_in_the_problem_shape():
    for path, methods in specification()["paths"].items():
        for operation in methods.values():
            refused = {s: r for s, r in operation["responses"].items() if s >= "400"}
            assert all("application/problem+json" in r["content"] for r in refused.values()), path
    forecast = specification()["paths"]["/v1/forecasts"]["post"]
    assert forecast["requestBody"]["required"] is True
    assert {"400", "401", "403", "404", "413", "415", "422", "429", "503", "504"} <= forecast[
        "responses"
    ].keys()


def test_operation_names_are_unique_and_all_paths_answer_or_say_what_is_missing(service):
    paths = specification()["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))
    with service.client("admin") as client:
        answers = {path: client.get(path) for path, methods in paths.items() if "get" in methods}
    assert "qudao train anomaly" in answers.pop("/v1/alerts").json()["next_step"]  # no such room was trained
    explanation = answers.pop("/v1/forecasts/{forecast_id}/explanation")
    assert explanation.json()["type"] == "/docs#unknown-forecast"
    assert {answer.status_code for answer in answers.values()} == {200}


GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
CALLS = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("call", CALLS)
def test_the_calls_in_the_guide_work(service, call):
    key = Keyring(service.settings.keys_folder).create_key("guide", "planner")
    own = {"QUDAO": service.url, "QUDAO_KEY": key}
    done = subprocess.run(["bash", "-c", call], env=os.environ | own, capture_output=True, check=True)
    assert json.loads(done.stdout).keys() & {"models", "forecasts"}


@pytest.mark.parametrize("example", [demand.BY_KEY, demand.BY_HISTORY])
def test_the_examples_keep_the_contract(example):
    demand.Request.model_validate_json(json.dumps(example))
