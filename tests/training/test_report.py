import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from training.report import write_report
from training.scorecard import Evidence
from training.wording import headline

NASTY = "<script>alert('渠道')</script>\"><img src=x>"
ABOUT = {"data_version": "7", "code_version": "0.1.0", "plans": ["net_price"], "delay": 0}


class _Page(HTMLParser):
    """Tags, and text as a reader sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"href", "src", "xlink:href", "data"}]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\xa0", " ").split())


def _evidence(n=9, freq="M", *, periods=30, horizon=3, ids=None, bands=True, noise=5.0):
    rng = np.random.default_rng(1)
    days = pd.date_range("2021-01-04", periods=periods, freq="MS" if freq == "M" else "W-MON")
    y = rng.gamma(9.0, 10.0, (n, periods))
    names = ids or [f"经销商{i}/S" for i in range(n)]
    history = pd.DataFrame({"unique_id": np.repeat(names, periods), "ds": np.tile(days, n), "y": y.ravel()})
    frame = history[history["ds"] > days[-horizon - 1]].assign(cutoff=days[-horizon - 1])
    frame = frame.assign(
        mean=frame["y"] + rng.normal(0, noise, len(frame)), ets=frame["y"] + 8, last_value=60.0
    )
    if bands:
        frame = frame.assign(
            q05=frame["mean"] - 9, q10=frame["mean"] - 7, q90=frame["mean"] + 7, q95=frame["mean"] + 9
        )
    return Evidence(frame=frame, history=history, freq=freq, members=["ets"], planners=["last_value"])


def _written(tmp_path, evidence, *, title="Test", about=None):
    report = write_report(evidence, out=tmp_path / "out", title=title, about=about or ABOUT)
    return report, _Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))


def test_the_json_is_what_was_returned(tmp_path):
    report, _ = _written(tmp_path, _evidence())
    text = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == json.loads(json.dumps(report))
    assert {"wape", "agg_wape", "bias", "pinball", "coverage_80"} <= set(report["methods"]["mean"])
    assert report["about"] == ABOUT


def test_the_page_needs_no_network_font_or_script(tmp_path):
    _, page = _written(tmp_path, _evidence())
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.addresses == []
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert not [word for word in ("http", "url(", "@import") if word in html]


def test_no_text_from_data_becomes_markup(tmp_path):
    evidence = _evidence(ids=[f"{NASTY}{i}" for i in range(9)])
    frame = evidence.frame.rename(columns={"ets": NASTY})
    nasty = Evidence(
        frame=frame, history=evidence.history, freq="M", members=[NASTY], planners=["last_value"]
    )
    _, page = _written(tmp_path, nasty, title=NASTY, about={NASTY: [NASTY], "plans": {NASTY: NASTY}})
    assert not {"script", "img"} & set(page.tags)
    assert page.text.count(NASTY) > 20


def test_the_first_sentence_names_the_baseline(tmp_path):
    report, page = _written(tmp_path, _evidence())
    gain = report["improvement"][1]["improvement"]
    named = f"{gain * 100:.0f} % lower than the last value, the best of the planners' methods."
    assert report["headline"][0].endswith(named)
    assert report["headline"][0] in page.text


def test_each_reason_to_look_at_a_series_is_true(tmp_path):
    evidence = _evidence()
    _, page = _written(tmp_path, evidence)
    sums = evidence.frame.assign(error=(evidence.frame["mean"] - evidence.frame["y"]).abs())
    sums = sums.groupby("unique_id")[["y", "error"]].sum()
    for column, why in (("y", "the largest"), ("error", "misses by the most units")):
        assert why in page.text.split(f"{sums[column].idxmax()} ", 2)[1].split("WAPE")[0]


def test_a_stack_that_is_worse_says_so(tmp_path):
    report, _ = _written(tmp_path, _evidence(noise=90.0))
    assert "higher than the last value" in report["headline"][0]


def test_an_unsure_improvement_is_not_claimed():
    row = {"over": "seasonal_naive", "improvement": 0.05, "low": -0.01, "high": 0.1}
    methods = {"mean": {"role": "stack", "wape": 0.19, "agg_wape": None, "bias": 0.0}}
    methods["seasonal_naive"] = {"role": "planner", "wape": 0.2}
    card = {"freq": "W", "methods": methods, "improvement": [row], "coverage": {"overall": []}}
    assert headline(card) == [
        "The stack's WAPE is 19.0 %, not surely different from the same week last year, "
        "the best of the planners' methods.",
        "In total it promised neither too much nor too little.",
    ]


def test_the_page_says_what_was_known_when(tmp_path):
    _, page = _written(tmp_path, _evidence(), about=ABOUT | {"data": "晨光 2021"})
    for words in ("2023-04-01", "data version 7", "code version 0.1.0", "plans net_price", "data 晨光 2021"):
        assert words in page.text


@pytest.mark.parametrize(
    "evidence",
    [
        _evidence(n=1),
        _evidence(horizon=1),
        _evidence(bands=False),
        _evidence(freq="W", periods=120, horizon=12),
        _evidence(n=3, periods=5),
    ],
    ids=["one series", "one month ahead", "no bands", "weeks", "hardly any history"],
)
def test_every_size_of_backtest_gives_a_whole_page(tmp_path, evidence):
    report, page = _written(tmp_path, evidence)
    assert page.tags.count("section") == 8
    assert 1 <= page.tags.count("figure") <= evidence.frame["unique_id"].nunique()
    assert "nan" not in page.text.lower()
    assert report["n"] == len(evidence.frame)


def test_only_some_truths_and_forecasts_are_known(tmp_path):
    evidence = _evidence()
    holes = evidence.frame["horizon"].eq(2) & evidence.frame["unique_id"].str.startswith("经销商1")
    frame = evidence.frame.assign(
        y=evidence.frame["y"].mask(holes),
        last_value=evidence.frame["last_value"].mask(evidence.frame["horizon"].eq(1)),
    ).drop(columns="horizon")
    _, page = _written(
        tmp_path,
        Evidence(frame=frame, history=evidence.history, freq="M", members=[], planners=["last_value"]),
    )
    assert "Forecasts not given count as 0 units: last value 9." in page.text


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    _written(tmp_path, _evidence(), title="Before")
    monkeypatch.setattr("training.report.render", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _written(tmp_path, _evidence(), title="After")
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["title"] == "Before"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
