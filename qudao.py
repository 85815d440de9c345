"""The front door: every command of Qudao in a few lines that call a room.

    qudao simulate --out channel            a channel to play with
    qudao ingest channel channel/tables     its tables into the warehouse
    qudao train demand                      backtest, fit, register
    qudao release demand                    the gate: better, and honest about it, or not at all
    qudao serve                             forecasts over HTTP
    qudao score demand --as-of 2025-12 --out forecasts
    qudao score credit --as-of 2025-12 --out credit      health, growth, credit, anomaly and rebate alike
    qudao contract review contracts.jsonl --out reviewed.jsonl
    qudao benchmark channel                 a simulated year under our decisions and under planners' rules
    qudao backtest sales.csv --out report   try it on your own file, no warehouse needed

QUDAO_HOME names the folder that holds `mlruns/` and `warehouse/` (default: this one).
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import typer
from rich.console import Console
from rich.table import Table

from features.errors import ChannelError, hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from features.lake import Lake
    from models.registry import Registry
    from serving.security.keys import Keyring

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
)
keys = typer.Typer(no_args_is_help=True, help="API keys: who may call, and as what.")
app.add_typer(keys, name="key")
contracts = typer.Typer(
    no_args_is_help=True, help="Clauses of dealer contracts, Chinese or English: type, risk, what is missing."
)
app.add_typer(contracts, name="contract")
console, complaints = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
PROJECT = Path(__file__).resolve().parent

ROOMS = (
    *("demand", "health", "growth", "credit", "anomaly", "contract"),
    *("currency", "price", "rebate", "inventory"),
)
Room = Annotated[str, typer.Argument(help=f"The room: {', '.join(ROOMS)}.")]
BENCHMARKS = (*ROOMS, "channel", "speed")
Measured = Annotated[
    str,
    typer.Argument(
        metavar="ROOM", help=f"The room: {', '.join(ROOMS)}; channel: a year of all together; speed."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder to write to; made when it is not there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Settings = Annotated[
    Path | None, typer.Option("--config", help="Settings of the room (default: configs/ROOM.yaml).")
]
AsOf = Annotated[str, typer.Option(help="The last observed month, 2017-09, or week, 2017-09-04.")]


@app.command()
def simulate(
    dealers: Annotated[int, typer.Option(help="Number of dealers.", min=1)] = 40,
    products: Annotated[int, typer.Option(help="Number of products.", min=1)] = 12,
    months: Annotated[int, typer.Option(help="Observed months.", min=1)] = 48,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    out: Out = Path("channel"),
) -> None:
    """Make a channel with known truth: one file per table under OUT/tables."""
    from features.simulator import World
    from features.simulator import simulate as make

    channel = make(World(dealers=dealers, products=products, months=months, seed=seed))
    channel.write(out)
    rows = sum(len(table) for table in channel.tables.values())
    console.print(
        f"{len(channel.tables)} tables, {rows:,} rows: {out}/tables. Next: qudao ingest channel {out}/tables"
    )


@app.command()
def ingest(
    profile: Annotated[str, typer.Argument(help="A name in configs/sources, or a path to a profile.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; none: the profile's own.")
    ] = None,
) -> None:
    """Load files or a database into the warehouse; all faults are told at once, nothing is half loaded."""
    from features.ingest import ingest as load
    from features.sources import load_profile

    report = load(load_profile(profile), files or [], _lake(), quarantine_dir=_home() / "quarantine")
    console.print(str(report), markup=False, highlight=False)


@app.command()
def train(
    room: Room,
    config: Settings = None,
    tune: Annotated[
        int, typer.Option(help="demand: settings to try first, on cutoffs before the backtest.", min=0)
    ] = 0,
    as_of: Annotated[
        str | None, typer.Option(help="Learn only from what was known at the end of this month (not demand).")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Backtest, fit on everything, register a version. The champion stays who it is."""
    _open(room)
    if room == "demand":
        _train_demand(config, tune, quiet=quiet)
    else:
        console.print(str(_train_scores(room, config, as_of, quiet=quiet)), markup=False)
    console.print(f"Next: qudao release {room}")


@app.command()
def pretrain(
    steps: Annotated[
        int, typer.Option(help="Batches to learn from; 1,000 take about a minute of one processor.", min=10)
    ] = 12_000,
    seed: Annotated[int, typer.Option(help="Same seed and steps, same weights.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to (default: where the demand room looks).")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Teach the demand room's network on made-up channels, before it meets a real one.

    The result ships with the project, so you need this only to change it. It reads no data: months and
    weeks with trend, season, festivals, prices, deals, rare orders and stock-outs are made while it learns.
    Writes gate.npz (weights) and gate.json (how they were made). The network that
    `qudao train demand` fits has what they say among its choices.
    """
    from models.demand.weights import SHIPPED
    from training.pretrain import Course, ship
    from training.progress import steps as bar

    with bar(steps, "Pretraining", show=not quiet) as tick:
        made = ship(Course(steps=steps, seed=seed), out or SHIPPED, tick=tick)
    console.print(
        f"Loss on channels not seen: {made.exam_before:.3f} before, {made.exam_after:.3f} after; "
        f"{made.user_seconds:.0f} seconds of one processor. Weights: {out or SHIPPED}. "
        "Next: qudao backtest DATA",
        markup=False,
    )


@app.command()
def release(
    room: Room,
    version: Annotated[str | None, typer.Option(help="Which version (default: the newest).")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take the decision yourself; it is written down.")
    ] = False,
) -> None:
    """The gate: the champion moves only to a version that is better and covers."""
    from training.release import release as judge

    _open(room)
    decision = judge(room, _registry(), version=version, force=force)
    console.print(str(decision), markup=False)
    if not decision.released and decision.version != decision.champion_before:
        raise typer.Exit(1)


@app.command()
def rollback(room: Room) -> None:
    """Give the room back to the champion before; its forecasts are the same to the last byte."""
    from training.release import rollback as back

    _open(room)
    console.print(str(back(room, _registry())), markup=False)


@app.command()
def backtest(
    data: Annotated[Path, typer.Argument(help="CSV, Excel or Parquet with sales per series and period.")],
    profile: Annotated[
        str, typer.Option(help="How its columns are named: configs/sources, or a path.")
    ] = "generic",
    horizon: Annotated[
        int | None, typer.Option(help="Periods ahead (default: 3 months, 4 weeks).", min=1, max=26)
    ] = None,
    windows: Annotated[int, typer.Option(help="Cutoffs to replay, back from the end.", min=1)] = 4,
    freq: Annotated[
        Literal["M", "W"] | None, typer.Option(help="Default: as in the profile or the dates.")
    ] = None,
    gaps: Annotated[
        Literal["missing", "zero"] | None,
        typer.Option(
            help="A period without a row: unknown, or no sale (default: no sale where rows are documents)."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEANING=COLUMN",
            help="What a column is, where its name does not say: "
            "product=model, dealer=shop, quantity=sold_cases, plan=display; may be repeated.",
        ),
    ] = None,
    out: Out = Path("backtest"),
    without_plans: Annotated[bool, typer.Option("--without-plans", help="Nothing is known ahead.")] = False,
    config: Settings = None,
    quiet: Quiet = False,
) -> None:
    """An honest comparison with planners' methods on your own file; no warehouse needed."""
    from training.scorecard import SUMS
    from training.settings import CONFIG, DemandConfig
    from training.trial import Trial, open_file, run_trial

    opened = open_file([data], profile, freq=freq, gaps=gaps, columns=column or [])
    panel = opened.panel
    steps = horizon or SUMS[panel.freq.letter]
    asked = Trial(horizon=steps, windows=windows, plans=not without_plans, show=not quiet)
    settings = DemandConfig.read(config or CONFIG)
    title, notes = f"Backtest of {data.name}", opened.notes(asked)
    result = run_trial(panel, settings, asked, out, title=title, notes=notes)
    console.print(_leaderboard(result.table, f"{panel.n:,} series, {steps} {panel.freq.noun}s ahead"))
    for note in result.report["notes"]:
        console.print(f"Note: {note}", markup=False, highlight=False)
    console.print(f"Known ahead: {result.report['about']['plans']}.", markup=False, highlight=False)
    console.print(f"Read {out}/report.html; numbers in report.json, forecasts in forecasts.parquet.")


@app.command()
def score(
    room: Room,
    as_of: AsOf,
    out: Out = Path("scores"),
    horizon: Annotated[
        int | None, typer.Option(help="demand: periods ahead (default: all the model learned).")
    ] = None,
    missing_plans: Annotated[
        Literal["refuse", "carry"], typer.Option(help="demand: or carry the last price, without promotions.")
    ] = "refuse",
    levels: Annotated[
        bool, typer.Option(help="demand: also totals by brand, category, product, territory and dealer.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Every dealer or series as it was known then, into Parquet and CSV.

    A room without a champion is trained first, on what was known then; that version is not released.
    """
    _open(room)
    if room == "demand":
        report: object = _score_demand(as_of, out, horizon, missing_plans, levels)
    else:
        report = _score_room(room, as_of, out, quiet=quiet)
    console.print(str(report), markup=False)


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port (default: configs/serving.yaml).")] = None,
) -> None:
    """Answer forecasts over HTTP; Ctrl-C stops it."""
    from serving.launch import serve as run
    from serving.settings import Settings as ServingSettings

    settings = ServingSettings.load()
    chosen = settings if port is None else settings.model_copy(update={"port": port})
    raise typer.Exit(run(chosen, say=lambda text: console.print(text, markup=False, highlight=False)))


@app.command()
def benchmark(
    room: Measured,
    data: Annotated[
        str | None, typer.Option(help="One public data set (default: all that are there).")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="credit, anomaly: your own CSV or Parquet instead.")
    ] = None,
    sets: Annotated[
        str | None, typer.Option(help="demand: some sets, with commas, one after the other.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="demand: folder of peers' forecasts, used again for the same data.")
    ] = None,
    levers: Annotated[
        bool, typer.Option("--levers", help="demand: also without each lever; takes twice as long, or more.")
    ] = False,
    label: Annotated[str | None, typer.Option(help="Its column of outcomes, 0 or 1.")] = None,
    time_column: Annotated[
        str | None, typer.Option(help="credit: its column of dates or periods, to judge in order of time.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="channel: simulated worlds, each with its own luck (default: 8).", min=2),
    ] = None,
) -> None:
    """Measure the room on public data, beside simple methods and peers; JSON in benchmarks/results.

    `channel` is no room: it is a year on the simulator under our decisions (orders, rebates, prices) and
    under planners' rules, with the same demand for both: service, stock cost, rebates and margin.
    `speed` times demand forecasts beside peers' libraries, and a batch of 100,000 series.
    """
    _open(room, BENCHMARKS)
    given = {
        "--data": data,
        "--file": file,
        "--sets": sets,
        "--keep": keep,
        "--label": label,
        "--time-column": time_column,
        "--seeds": seeds,
    }
    chosen = [word for option, value in given.items() if value for word in (option, str(value))]
    chosen += ["--levers"] * levers
    script = PROJECT / "benchmarks" / f"{room}.py"
    raise typer.Exit(subprocess.run([sys.executable, str(script), *chosen], check=False).returncode)  # noqa: S603


@contracts.command("review")
def contract_review(
    texts: Annotated[
        Path, typer.Argument(metavar="IN", help='JSON lines: {"id", "text"}, a whole contract each.')
    ],
    out: Annotated[Path, typer.Option(help="JSON lines to write.")],
    quiet: Quiet = False,
) -> None:
    """Clauses with their place, type, risk and probability, and the types that are missing."""
    from serving.review import review_file

    console.print(str(review_file(_contract_model(quiet=quiet), texts, out)), markup=False)


@contracts.command("classify")
def contract_classify(
    texts: Annotated[Path, typer.Argument(metavar="IN", help='JSON lines: {"id", "text"}, one clause each.')],
    out: Annotated[Path, typer.Option(help="JSON lines to write.")],
    quiet: Quiet = False,
) -> None:
    """Type and risk of single clauses, with probabilities."""
    from serving.review import classify_file

    console.print(str(classify_file(_contract_model(quiet=quiet), texts, out)), markup=False)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the service.")] = 3000,
    home: Annotated[Path, typer.Option(help="Folder of the demo's warehouse and models.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--no-serve", help="Stop after the release.")] = False,
) -> None:
    """A sample channel from nothing to forecasts and scores over HTTP; run it again and it goes on."""
    from serving.settings import Settings as ServingSettings

    os.environ["QUDAO_HOME"] = str(home.resolve())
    if not (home / "channel" / "tables").exists():
        simulate(out=home / "channel")
    ingest("channel", [home / "channel" / "tables"])
    if not _has_champion():
        train("demand", config=PROJECT / "configs" / "demo.yaml", tune=0, as_of=None, quiet=False)
        _release_first("demand")
    for room in (one for one in ROOMS if not _has_champion(one)):
        console.print(str(_train_scores(room, None, None, quiet=False)), markup=False)
        _release_first(room)
    key = _keyring(ServingSettings.load()).create_key("demo", "planner")
    console.print(_what_to_click(port, key), markup=False, highlight=False)
    if not quick:
        serve(port=port)


@app.command()
def replay(
    request_id: Annotated[str, typer.Argument(help="The X-Request-ID of the answer that decided.")],
    quiet: Quiet = False,
) -> None:
    """Take a decision again, with the models and the data of then: is the answer the same?"""
    from serving.answers import ANSWERS
    from serving.decisions import Decisions
    from serving.rooms import dealer_plan
    from serving.settings import Settings as ServingSettings

    kept = Decisions(ServingSettings.load().decisions_file)
    answers = {route: one.again for route, one in ANSWERS.items()} | {dealer_plan.ROUTE: dealer_plan.again}
    with _doing("Replaying", quiet=quiet):
        again = kept.replay(request_id, _registry(), _lake(), answers)
    console.print_json(data=again.answer)
    console.print(str(again), markup=False)
    if not again.same:
        raise typer.Exit(1)


@keys.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    role: Annotated[
        Literal["planner", "platform", "scientist", "admin", "dealer"], typer.Argument(help="What for.")
    ],
    dealer: Annotated[str, typer.Option(help="dealer: the one that this key may see.")] = "",
) -> None:
    """Make a key; it is shown once and kept only as a hash."""
    from serving.settings import Settings as ServingSettings

    typer.echo(_keyring(ServingSettings.load()).create_key(name, role, dealer_id=dealer))


@keys.command("list")
def key_list() -> None:
    """Keys by id, without their secrets."""
    from serving.settings import Settings as ServingSettings

    table = Table("id", "name", "role", "made", "revoked")
    for key in _keyring(ServingSettings.load()).list_keys():
        table.add_row(key.id, key.name, key.role, key.created_at, key.revoked_at or "")
    console.print(table)


@keys.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="The id, as `qudao key list` shows it.")]) -> None:
    """Refuse a key from now on."""
    from serving.settings import Settings as ServingSettings

    console.print(f"{_keyring(ServingSettings.load()).revoke(key_id).name}: revoked")


def main() -> None:
    """Run a command; what is wrong is said in one message, without a trace."""
    try:
        app()
    except ChannelError as error:
        complaints.print(f"{error}", style="red", markup=False, highlight=False)
        raise SystemExit(2) from None


def _home() -> Path:
    return Path(os.environ.get("QUDAO_HOME", "."))


def _lake() -> "Lake":
    from features.lake import Lake

    return Lake(_home() / "warehouse")


def _registry() -> "Registry":
    from models.registry import Registry

    return Registry(os.environ.get("MLFLOW_TRACKING_URI"), root=_home())


def _has_champion(room: str = "demand") -> bool:
    from models.registry import NoChampion

    try:
        _registry().champion(room)
    except NoChampion:
        return False
    return True


def _train_demand(config: Path | None, trials: int, *, quiet: bool) -> None:
    from training.settings import CONFIG, DemandConfig
    from training.train import train_demand

    settings = DemandConfig.read(config or CONFIG)
    trained = train_demand(_lake(), _registry(), settings, trials=trials, show=not quiet)
    console.print(_leaderboard(trained.table, "Backtest"))
    console.print(str(trained), markup=False)


def _train_scores(room: str, config: Path | None, as_of: str | None, *, quiet: bool) -> Any:
    from serving.score_batch import end_of
    from training.scorers import load, train_scores

    settings, moment = load(room).Config.read(config), end_of(as_of) if as_of else None
    with _doing(f"Training {room}", quiet=quiet) as tick:
        trained = train_scores(room, _lake(), _registry(), settings, moment=moment, tick=tick)
    if len(trained.table):
        console.print(_scorecard(trained.table))
    return trained


def _score_demand(as_of: str, out: Path, horizon: int | None, missing_plans: Any, levels: bool) -> object:
    from serving.asof import Asked, score_as_of
    from training.progress import chunks

    asked = Asked(as_of=as_of, out=out, horizon=horizon, missing_plans=missing_plans, levels=levels)
    with chunks("Scoring") as advance:
        return score_as_of(_lake(), _registry(), asked, on_chunk=advance)


def _score_room(room: str, as_of: str, out: Path, *, quiet: bool) -> object:
    from serving.score_batch import Wanted, score_room

    version = None
    if not _has_champion(room):
        complaints.print(f"{room} has no champion: training on what was known at the end of {as_of}.")
        version = _train_scores(room, None, as_of, quiet=quiet).version
    wanted = Wanted(room=room, as_of=as_of, out=out, version=version)
    with _doing(f"Scoring {room}", quiet=quiet) as told:
        return score_room(_lake(), _registry(), wanted, told=told)


def _contract_model(*, quiet: bool) -> Any:
    """The champion of the contract room, or its newest version; trained when there is none."""
    registry = _registry()
    if _has_champion("contract"):
        return registry.load("contract").model
    if versions := registry.versions("contract"):
        return registry.load("contract", versions[0].version).model
    complaints.print("contract has no model yet: training it from the clauses that come with the project.")
    return registry.load("contract", _train_scores("contract", None, None, quiet=quiet).version).model


@contextmanager
def _doing(title: str, *, quiet: bool) -> "Iterator[Callable[[str], None]]":
    """A line on standard error that says what is being done."""
    if quiet:
        yield lambda doing: None
        return
    with complaints.status(title) as status:
        yield lambda doing: status.update(f"{title}: {doing}")


def _scorecard(table: "pd.DataFrame") -> Table:
    """Measures of a scoring room's evidence, the model first in each task."""
    shown = Table(title="Held out")
    for name in ("task", "method", "rows", "rate", "AUC", "AP", "ECE"):
        shown.add_column(name, no_wrap=True, overflow="fold")
    for row in table.to_dict("records"):
        numbers = [f"{row[c]:.3f}" if row[c] == row[c] else "" for c in ("auc", "ap", "ece")]
        shown.add_row(str(row["task"]), str(row["method"]), f"{row['n']:,}", f"{row['rate']:.1%}", *numbers)
    return shown


def _release_first(room: str) -> None:
    """The demo's first model answers even where the gate would wait; what it said is shown."""
    from training.release import release as judge

    decision = judge(room, _registry())
    console.print(str(decision), markup=False)
    if not decision.released:
        console.print(str(judge(room, _registry(), force=True)), markup=False)


def _keyring(settings: Any) -> "Keyring":
    from serving.security.keys import Keyring

    return Keyring(settings.keys_folder)


def _open(room: str, known: tuple[str, ...] = ROOMS) -> None:
    if room not in known:
        raise ChannelError(
            f"No room is called {room!r}; expected one of {', '.join(known)}.{hint(room, known)}"
        )


def _leaderboard(table: "pd.DataFrame", title: str) -> Table:
    """Metrics as a table, the best WAPE first."""
    shown = Table("method", "WAPE", "WAPE of sums", "bias", "80 % covers", title=title)
    for row in table.sort_values("wape").to_dict("records"):
        covered = row.get("coverage_80", float("nan"))
        numbers = [f"{row[c]:.1%}" for c in ("wape", "agg_wape", "bias")]
        name = "**stack**" if row["method"] == "mean" else str(row["method"])
        shown.add_row(name.strip("*"), *numbers, f"{covered:.1%}" if covered == covered else "")
    return shown


def _what_to_click(port: int, key: str) -> str:
    import pandas as pd

    row = pd.DataFrame(_lake().read("sell_in")).iloc[0]
    body = f'{{"keys": [{{"dealer_id": "{row.dealer_id}", "sku_id": "{row.sku_id}"}}], "horizon": 3}}'
    return (
        f"\nYour key (shown once): {key}\n\nWhen the service says it is ready:\n"
        f"  http://127.0.0.1:{port}/docs\n"
        f"  curl -s http://127.0.0.1:{port}/v1/forecasts -H 'X-API-Key: {key}' \\\n"
        f"       -H 'Content-Type: application/json' -d '{body}'\n"
        f"  curl -s 'http://127.0.0.1:{port}/v1/alerts?limit=5' -H 'X-API-Key: {key}'\n"
    )


if __name__ == "__main__":
    main()
