"""The running service, spoken to over HTTP."""

import json

import httpx
import numpy as np
import pytest

from features.lake import Lake
from models.registry import Registry
from serving.asof import Asked, score_as_of
from serving.batch import read as read_batch
from serving.errors import ProblemBody
from serving.security.audit import Audit
from serving.security.keys import Keyring

ONE = {"keys": [{"dealer_id": "D001", "sku_id": "S001"}], "horizon": 3}
SECRET = 77123.625  # a value that no answer may repeat
MARKER = "MARKER-91"
PATH = "/v1/forecasts"


@pytest.fixture(scope="module")
def planner(service):
    with service.client("planner") as client:
        yield client


@pytest.fixture(scope="module")
def all_keys(panel):
    return [{"unique_id": key} for key in panel.ids if not key.startswith("D012")]


def problem(answer: httpx.Response, status: int) -> ProblemBody:
    """A refusal in the promised shape that gives nothing away."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = ProblemBody.model_validate(answer.json())
    assert body.status == status
    assert body.request_id == answer.headers["x-request-id"]
    for secret in ("Traceback", 'File "', ".py", str(SECRET), MARKER):
        assert secret not in answer.text
    return body


def history(panel, row: int) -> dict[str, object]:
    """A series of the lake as a caller would send it along, with its attributes and plans."""
    static = panel.static.iloc[row].to_dict()
    keys = {name: static.pop(name) for name in ("dealer_id", "sku_id")}
    months = panel.periods(3).strftime("%Y-%m")
    units = [{"period": m, "units": y} for m, y in zip(months, panel.y[row], strict=False)]
    plans = [
        {"period": m}
        | {name: plan[row, t] for name, plan in panel.plans.items() if np.isfinite(plan[row, t])}
        for t, m in enumerate(months)
    ]
    return keys | {"attributes": static, "history": units, "plans": plans}


def test_a_forecast_by_key_names_model_data_and_periods(planner):
    body = planner.post(PATH, json=ONE).json()
    assert (body["model"]["version"], body["model"]["data_version"]) == ("1", "trained-on")
    assert (body["as_of"], body["frequency"]) == ("2017-09", "month")
    periods = body["forecasts"][0]["periods"]
    assert [p["period"] for p in periods] == ["2017-10", "2017-11", "2017-12"]
    assert list(periods[0]["quantiles"]) == ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]


def test_quantiles_rise_and_are_never_negative(planner, all_keys):
    body = planner.post(PATH, json={"keys": all_keys, "levels": [0.05, 0.33, 0.5, 0.95]}).json()
    for series in body["forecasts"]:
        for period in series["periods"]:
            values = list(period["quantiles"].values())
            assert values == sorted(values)
            assert values[0] >= 0
            assert 0 <= (zero := period["zero_probability"]) <= 1
            assert not any(period["quantiles"][q] for q, p in (("q05", 0.05), ("q33", 0.33)) if p <= zero)


def test_the_same_question_has_the_same_id_and_answer(planner):
    first, second = (planner.post(PATH, json=ONE).json() for _ in range(2))
    assert first == second
    assert planner.post(PATH, json=ONE | {"horizon": 2}).json()["forecast_id"] != first["forecast_id"]


def test_history_equal_to_the_lake_gets_the_same_forecast(planner, panel, all_keys):
    sent = [history(panel, row) for row in range(len(all_keys))]
    by_key = planner.post(PATH, json={"keys": all_keys}).json()["forecasts"]
    by_history = planner.post(PATH, json={"series": sent}).json()["forecasts"]
    assert by_history == by_key


def test_hundreds_of_series_in_one_call(planner, panel):
    sent = [history(panel, 0) | {"dealer_id": f"N{i:04}"} for i in range(600)]
    body = planner.post(PATH, json={"series": sent, "horizon": 1}).json()
    assert [f["dealer_id"] for f in body["forecasts"]] == [s["dealer_id"] for s in sent]


def test_a_series_does_not_feel_the_others_of_its_call(planner, panel):
    alone, other = history(panel, 4), history(panel, 7)
    single = planner.post(PATH, json={"series": [alone]}).json()["forecasts"][0]
    joint = planner.post(PATH, json={"series": [other, alone]}).json()["forecasts"][1]
    assert single == joint


def test_the_batch_file_equals_the_online_answer(service, planner, panel, tmp_path):
    lake, registry = Lake(service.settings.warehouse), Registry(root=service.home)
    score_as_of(lake, registry, Asked(as_of="2017-09", out=tmp_path, missing_plans="carry"))
    batch = read_batch(tmp_path).set_index(["unique_id", "ds"])
    keys = [{"unique_id": key} for key in panel.ids]
    online = planner.post(PATH, json={"keys": keys, "missing_plans": "carry"}).json()["forecasts"]
    assert len(batch) == len(online) * 3
    for series in online:
        for period in series["periods"]:
            row = batch.loc[(series["unique_id"], f"{period['period']}-01")]
            found = {n: period[n] for n in ("mean", "zero_probability")} | period["quantiles"]
            assert found == pytest.approx(row[list(found)].astype(float).to_dict(), abs=1e-6)


def test_a_new_dealer_gets_an_honest_fallback(planner):
    newcomer = {"unique_id": "NEW/S001", "history": [{"period": "2017-09", "units": 12}]}
    series = planner.post(PATH, json={"series": [newcomer]}).json()["forecasts"][0]
    assert series["note"] == "short_history, no_plans"
    assert series["periods"][0]["mean"] > 0


def test_a_series_with_attributes_only_is_answered_by_named_analogues(planner):
    newcomer = {"dealer_id": "NEW", "sku_id": "S001", "attributes": {"territory_id": "north"}}
    answer = planner.post(PATH, json={"series": [newcomer]}).json()
    (series,) = answer["forecasts"]
    assert answer["as_of"] == "2017-09"
    assert series["note"] == "no_history, no_plans"
    assert series["analogues"][0]["unique_id"].endswith("/S001")
    assert "sku_id" in series["analogues"][0]["shared"]
    assert series["periods"][0]["quantiles"]["q95"] > series["periods"][0]["quantiles"]["q05"] >= 0


def test_a_series_with_a_long_history_needs_no_analogues(planner, all_keys):
    assert planner.post(PATH, json={"keys": all_keys[:1]}).json()["forecasts"][0]["analogues"] == []


def test_the_models_page_says_what_can_be_asked(planner):
    (card,) = planner.get("/v1/models").json()["models"]
    assert (card["frequency"], card["horizon"], card["series"]) == ("month", 3, 36)
    assert card["plans"] == ["net_price", "discount", "rival_price"]


@pytest.mark.parametrize("body", [b"{oops", b"\xff\xfe", b"[1, 2", b"  ", b""])
def test_400_what_is_not_json(planner, body):
    answer = planner.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, 400).type == "/docs#not-json"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer qk_00000000_" + "x" * 43}, {"X-API-Key": "?"}]
)
@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", "/v1/models"), ("GET", "/metrics")])
def test_401_without_a_good_key(service, method, path, header):
    answer = httpx.request(method, service.url + path, headers=header)
    assert problem(answer, 401).next_step
    assert answer.headers["www-authenticate"] == "Bearer"


def test_401_as_soon_as_a_key_is_revoked(service):
    with service.client("planner") as client:
        assert client.get("/v1/models").status_code == 200
        keyring = Keyring(service.settings.keys_folder)
        keyring.revoke(keyring.find(client.headers["authorization"][7:]).id)
        problem(client.get("/v1/models"), 401)


@pytest.mark.parametrize(
    ("role", "status"), [("planner", 403), ("scientist", 403), ("platform", 200), ("admin", 200)]
)
def test_403_a_role_sees_only_its_paths(service, role, status):
    with service.client(role) as client:
        answer = client.get("/metrics")
        assert answer.status_code == status
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    "path", ["/nope", "/v1/forecasts/", "/schema.json", "/docs.json", "/static_content/x", "/docs/x"]
)
def test_404_what_is_not_listed_does_not_exist(planner, path):
    assert problem(planner.get(path), 404).type == "/docs#no-such-path"


def test_404_an_unknown_series_is_named_by_its_place(planner):
    keys = [*ONE["keys"], {"dealer_id": MARKER, "sku_id": "S001"}]
    found = problem(planner.post(PATH, json={"keys": keys}), 404)
    assert (found.type, found.field) == ("/docs#unknown-series", "keys[1]")


def test_405_names_the_method(planner):
    answer = planner.get(PATH)
    problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_413_a_body_of_fifty_megabytes(planner):
    answer = planner.post(PATH, content=b"1" * 50_000_000, headers={"Content-Type": "application/json"})
    assert problem(answer, 413).type == "/docs#body-too-large"


def test_413_also_when_the_length_is_not_told(planner):
    chunks = (b"1" * 1_000_000 for _ in range(10))
    problem(planner.post(PATH, content=chunks, headers={"Content-Type": "application/json"}), 413)


@pytest.mark.parametrize("headers", [
    {"Content-Type": "text/csv"},
    {"Content-Type": "application/json; charset=gbk"},
    {"Content-Type": "application/vnd.bentoml+pickle"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
])  # fmt: skip
def test_415_anything_but_plain_json(planner, headers):
    problem(planner.post(PATH, content=json.dumps(ONE), headers=headers), 415)


def bad(**change: object) -> dict[str, object]:
    series = {
        "unique_id": "A/x",
        "history": [{"period": "2017-08", "units": 5}, {"period": "2017-09", "units": 6}],
    }
    return {"series": [series | change]}


@pytest.mark.parametrize(("body", "field"), [
    ({}, "body"),
    ([], "body"),
    (ONE | bad(), "body"),
    (ONE | {"horizon": 4}, "horizon"),
    (ONE | {"horizon": "3"}, "horizon"),
    (ONE | {"horizon": 2.5}, "horizon"),
    (ONE | {"horizon": True}, "horizon"),
    (ONE | {"levels": [0.99]}, "levels[0]"),
    (ONE | {"levels": []}, "levels"),
    (ONE | {"missing_plans": MARKER}, "missing_plans"),
    (ONE | {"horizn": 3}, "horizn"),
    ({"keys": [{"dealer_id": MARKER}]}, "keys[0]"),
    ({"keys": [{"dealer_id": 7, "sku_id": "S001"}]}, "keys[0].dealer_id"),
    ({"keys": ONE["keys"] * 2}, "keys[1]"),
    ({"keys": [{"unique_id": f"A/{i}"} for i in range(2001)]}, "keys"),
    ({"series": [*bad()["series"], *bad()["series"]]}, "series[1]"),
    (bad(history=[{"period": "2017-09", "units": str(SECRET)}]), "series[0].history[0].units"),
    (bad(history=[{"period": "2017-09", "units": -SECRET}]), "series[0].history[0].units"),
    (bad(history=[{"period": "2017-09", "units": 1e9}]), "series[0].history[0].units"),
    (bad(history=[{"period": "2017-09", "units": None}]), "series[0].history[0].units"),
    (bad(history=[{"period": "2017-13", "units": SECRET}]), "series[0].history[0].period"),
    (bad(history=[{"period": "2017-09-15", "units": SECRET}]), "series[0].history[0].period"),
    (bad(history=[{"period": "2017-02-30", "units": SECRET}]), "series[0].history[0].period"),
    (bad(history=[{"period": "2017-09", "units": SECRET}] * 2), "series[0].history[1].period"),
    (bad(plans=[{"period": "2017-10", "rain": SECRET}]), "series[0].plans[0].period"),
    (bad(plans=[{"period": "2017-10", "net_price": MARKER}]), "series[0].plans[0].net_price"),
    (bad() | {"cutoff": "2017-08"}, "series[0].history[1].period"),
    (bad(history=[{"period": "1901-01", "units": 1}, {"period": "2017-09", "units": 1}]), "series"),
])  # fmt: skip
def test_422_names_the_field(planner, body, field):
    assert problem(planner.post(PATH, json=body), 422).field == field


@pytest.mark.parametrize("token", ["NaN", "Infinity", "1e999"])
def test_422_numbers_that_are_none(planner, token):
    body = json.dumps(bad(history=[{"period": "2017-09", "units": "?"}])).replace('"?"', token)
    answer = planner.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, 422).field == "series[0].history[0].units"


def test_422_a_missing_plan_names_series_and_months(planner, panel):
    known = history(panel, 0)
    del known["plans"][41:]  # 2017-11 and 2017-12 have no price
    found = problem(planner.post(PATH, json={"series": [history(panel, 1), known]}), 422)
    assert (found.type, found.field) == ("/docs#missing-plans", "series[1].plans")
    assert "D001/S001: net_price of 2017-11" in found.detail
    assert "carry" in found.next_step


def test_422_a_plan_missing_in_the_lake_names_series_and_months(planner):
    body = {"keys": [{"unique_id": "D012/S003"}]}
    found = problem(planner.post(PATH, json=body), 422)
    assert "D012/S003: net_price of 2017-10" in found.detail
    assert planner.post(PATH, json=body | {"missing_plans": "carry"}).status_code == 200


def test_429_after_too_many_calls(service):
    """The bucket refills while calls are made: on a slow machine some more than 200 are answered."""
    answers = []
    with service.client("planner") as client:
        while len(answers) < 400 and (not answers or answers[-1].status_code == 200):
            answers.append(client.get("/v1/models"))
    problem(answers[-1], 429)
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert len(answers) > 151


def test_a_given_request_id_comes_back_and_a_strange_one_does_not(planner):
    assert planner.get("/nope", headers={"X-Request-ID": "order-7.b"}).headers["x-request-id"] == "order-7.b"
    assert "<" not in planner.get("/nope", headers={"X-Request-ID": "<script>"}).headers["x-request-id"]


def test_the_audit_knows_who_asked_and_which_model_answered_but_no_data(service, panel):
    with service.client("platform") as client:
        client.post(PATH, json={"series": [history(panel, 2)]}, headers={"X-Request-ID": "audited"})
    (entry,) = [e for e in Audit(service.settings.audit_file).read() if e["request_id"] == "audited"]
    assert (entry["caller"], entry["role"], entry["status"]) == ("test platform", "platform", 200)
    assert (entry["model"], entry["series"]) == ("demand/1", 1)
    assert "S003" not in json.dumps(entry)


def test_secrets_and_rows_stay_out_of_keys_audit_and_log(service, planner):
    planner.post(PATH, json=bad(history=[{"period": "2017-09", "units": [SECRET]}]))
    secret = planner.headers["authorization"][-43:]
    files = [*service.settings.keys_folder.iterdir(), service.settings.audit_file, service.log]
    text = "".join(file.read_text() for file in files)
    assert secret not in text
    assert str(SECRET) not in text


def test_metrics_count_calls_by_known_path_only(service):
    with service.client("admin") as client:
        client.get("/made-up")
        text = client.get("/metrics").text
    assert 'qudao_requests_total{path="/v1/forecasts",status="200"}' in text
    assert "made-up" not in text


def test_every_answer_carries_the_safe_headers(service):
    for path in ("/livez", "/docs", "/nope", "/v1/models"):
        headers = httpx.get(service.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_a_forecast_can_be_explained_by_its_id_and_adds_up(planner):
    body = planner.post(PATH, json=ONE).json()
    answer = planner.get(f"{PATH}/{body['forecast_id']}/explanation", params={"period": "2017-11"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    period = body["forecasts"][0]["periods"][1]
    assert told["periods"][0]["mean"] == period["mean"]
    assert sum(d["units"] for d in told["periods"][0]["drivers"]) == pytest.approx(period["mean"], abs=1e-3)


def test_a_forecast_that_nobody_was_given_is_not_explained(planner):
    body = problem(planner.get(f"{PATH}/f-0123/explanation"), 404)
    assert body.type == "/docs#unknown-forecast"
    assert "POST /v1/forecasts" in body.next_step
    problem(planner.get(f"{PATH}/f-0123/explanation", params={"perod": "2017-11"}), 422)


def test_a_planners_figure_is_shown_at_once_audited_and_moves_no_snapshot(service, planner):
    ask = {
        "dealer_ids": ["D005"],
        "sku_ids": ["S003"],
        "periods": ["2017-11"],
        "quantity": 777.0,
        "reason": "Fair.",
    }
    keys = {"keys": [{"unique_id": "D005/S003"}]}
    before = planner.post(PATH, json=keys).json()
    told = planner.post(f"{PATH}/overrides", json=ask).json()
    after = planner.post(PATH, json=keys).json()
    period = after["forecasts"][0]["periods"][1]
    assert (period["final"], period["override"]["edit_id"]) == (777.0, told["edit_id"])
    assert period["mean"] == before["forecasts"][0]["periods"][1]["mean"]
    assert (after["data_version"], after["forecast_id"]) == (before["data_version"], before["forecast_id"])
    entries = [one for one in Audit(service.settings.audit_file).read() if one.get("event") == "override"]
    assert (entries[-1]["edit_id"], entries[-1]["author"]) == (told["edit_id"], "test planner")
    assert planner.get("/v1/fva").json()["too_late"] == 1  # made long after that month began
