"""The front door: what every command promises to whoever types it."""

import contextlib
import io
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
import yaml

import qudao
from features.frequency import WEEKLY
from features.lake import Lake
from models.registry import NoChampion, Registry
from serving.batch import read
from tests.panels import small_channel
from tests.sales_files import as_csv
from tests.toy_room import TOY

BANDS = ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]
PROMISED = ["unique_id", "ds", "cutoff", "y", "mean", *BANDS, "boosted", "theta"]
PLANNERS = {
    "M": ["last_value", "seasonal_naive", "mean_3", "mean_12"],
    "W": ["last_value", "seasonal_naive", "mean_12", "mean_52"],
}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def run(*words: object) -> Said:
    """`qudao` with these words, in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv, code = ["qudao", *map(str, words)], 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            qudao.main()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.argv = before
    return Said(code, out.getvalue(), err.getvalue())


def refused(said: Said) -> str:
    """One message, code 2, no trace."""
    assert said.code == 2
    assert "Traceback" not in said.out + said.err
    assert said.err.strip()
    return " ".join(said.err.split())


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "quick.yaml"
    quick = TOY | {"members": ["boosted", "theta"], "replays": {"M": 1, "W": 1}}
    path.write_text(yaml.safe_dump(quick), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sales(tmp_path_factory) -> Path:
    return as_csv(small_channel(4, 2, t=24), tmp_path_factory.mktemp("sales") / "sales.csv")


ORDER_OF_USE = ("simulate", "ingest", "train", "release", "rollback", "backtest", "score", "serve")


def test_help_teaches_every_command_in_the_order_of_use():
    call = [sys.executable, "-m", "qudao", "--help"]
    answer = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    places = [answer.index(f" {word} ") for word in ORDER_OF_USE]
    assert places == sorted(places)
    for word in ORDER_OF_USE:
        said = run(word, "--help")
        assert said.code == 0
        assert "Usage" in said.out


def test_the_door_opens_without_loading_a_model_library():
    names = ("torch", "lightgbm", "lightning", "mlflow", "bentoml", "statsmodels")
    code = f"import sys, qudao; print([m for m in {names} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# qudao backtest


@pytest.fixture(scope="module")
def tried(sales, config, tmp_path_factory):
    out = tmp_path_factory.mktemp("backtest") / "out"
    return run("backtest", sales, "--windows", 2, "--out", out, "--config", config), out


def test_a_backtest_writes_the_promised_files_and_columns(tried):
    said, out = tried
    assert said.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["forecasts.parquet", "report.html", "report.json"]
    table = pd.read_parquet(out / "forecasts.parquet")
    assert table.columns.tolist() == [*PROMISED, *PLANNERS["M"]]
    assert table["cutoff"].dt.strftime("%Y-%m").unique().tolist() == ["2020-06", "2020-09"]
    assert table.groupby("cutoff")["ds"].nunique().tolist() == [3, 3]


def test_a_backtest_prints_a_leaderboard_and_where_to_read_on(tried):
    said, out = tried
    for method in ("stack", "boosted", "theta", *PLANNERS["M"]):
        assert method in said.out
    assert "report.html" in said.out
    methods = json.loads((out / "report.json").read_text(encoding="utf-8"))["methods"]
    assert set(methods) == {"mean", "boosted", "theta", *PLANNERS["M"]}


def test_without_plans_the_report_says_that_nothing_was_known_ahead(sales, config, tmp_path):
    words = ("--windows", 1, "--without-plans", "--quiet", "--out", tmp_path, "--config", config)
    assert run("backtest", sales, *words).code == 0
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["about"]["plans"] == "none"


def test_weeks_are_backtested_like_months(config, tmp_path):
    file = as_csv(small_channel(3, 2, t=40, ahead=4, freq=WEEKLY), tmp_path / "weeks.csv")
    words = (
        "--horizon",
        4,
        "--windows",
        1,
        "--freq",
        "W",
        "--quiet",
        "--out",
        tmp_path / "out",
        "--config",
        config,
    )
    assert run("backtest", file, *words).code == 0
    table = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert table.columns.tolist() == [*PROMISED, *PLANNERS["W"]]
    assert table["ds"].nunique() == 4


BROKEN = {
    "an empty file": b"",
    "a header alone": b"dealer,sku,date,qty\n",
    "no column of sales": b"dealer,sku,date\nA,x,2024-01-01\n",
    "a negative quantity": b"dealer,sku,date,qty\nA,x,2024-01-01,-5\n",
    "no number": b"dealer,sku,date,qty\nA,x,2024-01-01,many\n",
    "an impossible date": b"dealer,sku,date,qty\nA,x,2024-13-45,5\n",
    "the same row twice": b"dealer,sku,date,qty\nA,x,2024-01-01,5\nA,x,2024-01-01,6\n",
    "not text": bytes(range(256)) * 20,
    "one point": b"dealer,sku,date,qty\nA,x,2024-01-01,5\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_refused_file_is_told_in_one_message_and_writes_nothing(name, config, tmp_path):
    (tmp_path / "sales.csv").write_bytes(BROKEN[name])
    message = refused(run("backtest", tmp_path / "sales.csv", "--out", tmp_path / "out", "--config", config))
    assert len(message) < 1500
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backtest", "nowhere.csv"), "nowhere.csv"),
        (("backtest", "nowhere.csv", "--freq", "D"), "freq"),
        (("backtest", "nowhere.csv", "--profile", "generc"), 'Did you mean "generic"'),
        (("backtest", "nowhere.csv", "--horizon", "0"), "horizon"),
        (("train", "helth"), 'Did you mean "health"'),
        (("train", "demand", "--config", "nowhere.yaml"), "nowhere.yaml"),
        (("release", "demand"), "qudao train demand"),
        (("rollback", "demand"), "no champion"),
        (("score", "demand", "--as-of", "2020-01"), "no champion"),
        (("score", "demand"), "as-of"),
        (("ingest", "channl"), 'Did you mean "channel"'),
        (("key", "create", "me", "king"), "planner"),
        (("key", "revoke", "nobody"), "nobody"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_one(words, said, registry, monkeypatch):
    monkeypatch.chdir(registry.root)
    monkeypatch.setenv("QUDAO_HOME", str(registry.root))
    assert said in refused(run(*words))


def test_a_misspelt_setting_is_refused_before_anything_is_read(sales, tmp_path):
    (tmp_path / "wrong.yaml").write_text("windws: 2\nboosted: {round: 5}\n", encoding="utf-8")
    message = refused(run("backtest", sales, "--out", tmp_path / "out", "--config", tmp_path / "wrong.yaml"))
    assert 'Did you mean "windows"' in message
    assert 'Did you mean "rounds"' in message
    assert not (tmp_path / "out").exists()


# simulate, ingest, train, release, score, rollback: one home


@dataclass(frozen=True)
class Home:
    """A folder, what each command said, and who was champion after it."""

    folder: Path
    said: dict[str, Said] = field(default_factory=dict)
    champion: dict[str, str | None] = field(default_factory=dict)

    def type(self, name: str, *words: object) -> None:
        self.said[name] = run(*words)
        self.champion[name] = champion(self.folder)


def champion(folder: Path) -> str | None:
    try:
        return Registry(root=folder).champion("demand")
    except NoChampion:
        return None


@pytest.fixture(scope="module")
def home(config, empty_store, tmp_path_factory):
    """A channel simulated, loaded, trained twice and released twice by the commands themselves."""
    home = Home(tmp_path_factory.mktemp("home"))
    shutil.copytree(empty_store, home.folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUDAO_HOME", str(home.folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        channel = home.folder / "channel"
        home.type("simulate", "simulate", "--dealers", 4, "--products", 2, "--months", 24, "--out", channel)
        home.type("ingest", "ingest", "channel", channel / "tables")
        home.type("ingest again", "ingest", "channel", channel / "tables")
        for number in (1, 2):
            home.type(f"train {number}", "train", "demand", "--config", config, "--quiet")
            home.type(f"release {number}", "release", "demand", "--force")
        yield home


def test_each_command_says_what_it_did_and_what_comes_next(home):
    assert {name: said.code for name, said in home.said.items()} == dict.fromkeys(home.said, 0)
    assert "Next: qudao ingest channel" in home.said["simulate"].out
    assert "sell_in" in home.said["ingest"].out
    assert "nothing new" in home.said["ingest again"].out
    assert "demand version 1 is registered" in home.said["train 1"].out
    assert "Next: qudao release demand" in home.said["train 1"].out


def test_a_training_does_not_move_the_champion_and_a_release_does(home):
    steps = ("train 1", "release 1", "train 2", "release 2")
    assert [home.champion[step] for step in steps] == [None, "1", "1", "2"]


def test_scoring_as_of_a_month_covers_every_series_and_goes_on_where_it_was(home, tmp_path):
    folder = home.folder
    first = run("score", "demand", "--as-of", "2025-06", "--out", tmp_path / "out")
    assert first.code == 0
    table = read(tmp_path / "out")
    sales = Lake(folder / "warehouse").read("sell_in")
    known = sales[sales["period_start"] <= "2025-06-01"]
    assert table["unique_id"].nunique() == known.groupby(["dealer_id", "sku_id"]).ngroups
    assert sorted(table["ds"].dt.strftime("%Y-%m").unique()) == ["2025-07", "2025-08", "2025-09"]
    assert "(1 kept)" in run("score", "demand", "--as-of", "2025-06", "--out", tmp_path / "out").out


def test_a_month_without_plans_names_series_and_months(home, tmp_path):
    lake = Lake(home.folder / "warehouse")
    month = lake.read("prices")["period_start"].max()  # sold, but nothing is planned after it
    moved = {"period_start": month, "event_at": month, "known_at": month + pd.DateOffset(months=1)}
    sales = lake.read("sell_in").drop_duplicates(["dealer_id", "sku_id"], keep="last").assign(**moved)
    lake.merge({"sell_in": sales.assign(document_id="")}, source="test")
    words = ("score", "demand", "--as-of", f"{month:%Y-%m}", "--out", tmp_path / "out")
    message = refused(run(*words))
    first = sales.sort_values(["dealer_id", "sku_id"]).iloc[0]
    assert "plan values are missing" in message
    assert f"{first.dealer_id}/{first.sku_id} net_price {month + pd.DateOffset(months=1):%Y-%m-%d}" in message
    assert not (tmp_path / "out").exists()
    assert run(*words, "--missing-plans", "carry").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as-of", "2017-13"), "no period"),
        (("--as-of", "1999-01"), "Nothing was on record"),
        (("--as-of", "2025-06", "--horizon", 9), "trained for 1 to 3"),
    ],
)
def test_a_score_that_cannot_be_is_refused(home, words, said, tmp_path):
    assert said in refused(run("score", "demand", *words, "--out", tmp_path / "out"))
    assert not list(tmp_path.glob("out/part=*"))


def test_rolling_back_gives_the_forecasts_of_before_to_the_last_byte(home, tmp_path):
    folder = home.folder
    assert run("release", "demand", "--version", 1, "--force").code == 0
    run("score", "demand", "--as-of", "2025-06", "--out", tmp_path / "before")
    assert run("release", "demand", "--version", 2, "--force").code == 0
    said = run("rollback", "demand")
    assert said.code == 0
    assert champion(folder) == "1"
    run("score", "demand", "--as-of", "2025-06", "--out", tmp_path / "after")
    before, after = (sorted((tmp_path / name).rglob("*.parquet")) for name in ("before", "after"))
    assert [p.read_bytes() for p in before] == [p.read_bytes() for p in after]


def test_a_key_is_shown_once_and_can_be_revoked(home):
    secret = run("key", "create", "Anna", "planner").out.strip()
    listed = run("key", "list").out
    assert "Anna" in listed
    assert secret not in listed
    key_id = next(word for word in listed.split() if word in secret and len(word) > 4)
    assert "revoked" in run("key", "revoke", key_id).out
