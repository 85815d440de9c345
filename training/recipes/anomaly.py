"""Recipe of the anomaly room: detectors, taught by simulated channels, moved by the client's verdicts.

1. channels     simulated worlds with known truth (training.truths), other seeds than judged
2. beliefs      one a kind of suspicion: boosted on its rule, calibrated on worlds it had not seen
3. diversion    learned on worlds of its own (training.worlds)
4. habits       spread of street prices and the usual order lines: from the client's tables, without labels
5. ranker       the client's past verdicts, with the alerts as they stood when they were judged
6. evidence     worlds that nothing above has seen

The client's own labels are never needed. Limits: what no simulated channel does, no belief knows.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
import yaml
from pydantic import Field

from features.industries import industry
from features.known import Tables, known
from features.ledger import Ledger
from models.anomaly import prices, stock, stuffing
from models.anomaly.belief import Belief
from models.anomaly.diversion import Diversion
from models.anomaly.model import LEARNED_KINDS, AnomalyModel, signs
from models.anomaly.orders import Book, Orders
from models.anomaly.policy import Policy
from models.anomaly.prices import PriceHabits
from models.anomaly.ranker import Ranker
from models.anomaly.rules import Rules
from training.config import CONFIGS, BadSettings, RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent
from training.truths import JUDGED, LEARNED, channel_world, label, scenes
from training.worlds import LEARNED as DIVERTED
from training.worlds import learned_worlds

POLICY = CONFIGS / "policies" / "disposal.yaml"
_SIMPLE = {"excess": "x_days", "dead": "x_idle", "short": "x_days", "stuffing": "x_spike"}
_SIMPLE |= {"undercut": "x_deepest", "region": "x_depth"}
_OUTCOMES = {"confirmed": 1.0, "dismissed": 0.0}


class Config(RoomConfig):
    """Settings of the anomaly room."""

    room: ClassVar[str] = "anomaly"
    industry: str = "general"
    rules: Rules = Rules()
    learned_worlds: Annotated[int, Field(ge=1, le=len(LEARNED))] = 6
    judged_worlds: Annotated[int, Field(ge=1, le=len(JUDGED))] = 2
    diversion_worlds: Annotated[int, Field(ge=0, le=len(DIVERTED))] = 20  # 0: no diversion detector
    verdict_months: Annotated[int, Field(ge=0, le=60)] = 12  # of past verdicts that teach the ranker
    seed: int = 7


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The model as of a moment, and how it did on worlds that it has not seen."""
    seen = known(tables, moment)
    tick("channels with known truth")
    taught = observed(LEARNED[: config.learned_worlds], config)
    beliefs = {kind: _belief(taught, kind, config.seed) for kind in LEARNED_KINDS}
    tick("diversion")
    diversion = _diversion(config)
    model = AnomalyModel(
        policy=read_policy(), rules=config.rules, trade=industry(config.industry), diversion=diversion
    )
    model.beliefs, model.cutoff_ = beliefs, moment
    tick("habits and orders")
    model.habits = PriceHabits().fit(Ledger.of(seen))
    model.orders = Orders(config.rules, config.seed).fit(Book.of(model.scene(seen, moment)))
    tick("verdicts")
    model.ranker = taught_ranker(model, seen, moment, config)
    tick("worlds that nothing has seen")
    judged = observed(JUDGED[: config.judged_worlds], config)
    return Fitted(model=model, evidence=_evidence(judged, beliefs), about=_about(model, taught))


def observed(seeds: Iterable[int], config: Config) -> pd.DataFrame:
    """Candidates of simulated channels with their truth `y`, world and moment."""
    trade, parts = industry(config.industry), []
    for seed in seeds:
        one, habits = channel_world(seed), None
        for scene in scenes(one, trade, config.rules):
            habits = habits or PriceHabits().fit(scene.ledger)
            found = (stock.candidates(scene), stuffing.candidates(scene), prices.candidates(scene, habits))
            for kind, rows in (part for frame in found for part in frame.groupby("kind")):
                y = label(one, str(kind), rows, trade)
                parts.append(rows.assign(y=y, world=seed, cutoff=scene.as_of))
    return pd.concat(parts, ignore_index=True)


def read_policy(path: Path = POLICY) -> Policy:
    """The disposal policy of a YAML file."""
    try:
        return Policy.parse(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSettings("anomaly", [f"{path.name}: cannot be read ({type(error).__name__})."]) from None


def taught_ranker(model: AnomalyModel, tables: Tables, moment: pd.Timestamp, config: Config) -> Ranker:
    """A ranker from the client's verdicts, each with its alert as it stood in the month of the verdict."""
    verdicts = tables.get("verdicts")
    ranker = Ranker(config.seed)
    if verdicts is None or verdicts.empty:
        return ranker
    since = moment - pd.DateOffset(months=config.verdict_months)
    last = verdicts.sort_values("decided_at").drop_duplicates("alert_id", keep="last")
    final = last[(last["decided_at"] >= since) & last["verdict"].isin(list(_OUTCOMES))]
    X, y, prior = [], [], []
    for _, rows in final.groupby(final["decided_at"].dt.to_period("M")):
        scene = model.scene(tables, rows["decided_at"].max())
        stood = model.weighed(scene, model.pairs(scene)).merge(rows[["alert_id", "verdict"]], on="alert_id")
        if len(stood):
            X.append(signs(stood))
            y.append(stood["verdict"].map(_OUTCOMES).to_numpy(float))
            prior.append(stood["prior"].to_numpy(float))
    return ranker.fit(np.vstack(X), np.concatenate(y), np.concatenate(prior)) if y else ranker


def _belief(taught: pd.DataFrame, kind: str, seed: int) -> Belief:
    rows = taught[taught["kind"] == kind].dropna(axis=1, how="all")
    return Belief(seed).fit(rows, rows["y"].to_numpy(float), rows["world"].to_numpy())


def _diversion(config: Config) -> Diversion | None:
    if not config.diversion_worlds:
        return None
    return Diversion(seed=config.seed).fit(learned_worlds(DIVERTED[: config.diversion_worlds]))


def _evidence(judged: pd.DataFrame, beliefs: dict[str, Belief]) -> pd.DataFrame:
    """One row a candidate of the judged worlds, beside the rule and the plain size of its main number."""
    parts = []
    for kind, rows in judged.dropna(subset=["y"]).groupby("kind"):
        simple = rows[_SIMPLE[str(kind)]].rank(pct=True).fillna(0.5)
        simple = 1 - simple if kind == "short" else simple
        subject = rows["world"].astype(str) + "/" + rows["dealer_id"] + "/" + rows["sku_id"]
        parts.append(
            pd.DataFrame(
                {
                    "task": f"anomaly_{kind}",
                    "subject": subject,
                    "cutoff": rows["cutoff"],
                    "y": rows["y"].astype(int),
                    "probability": beliefs[str(kind)].probability(rows),
                    "baseline_rule": rows["raw"].astype(float),
                    "baseline_size": simple,
                    "territory_id": rows["territory_id"],
                    "tier": "",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _about(model: AnomalyModel, taught: pd.DataFrame) -> dict[str, object]:
    trained = {kind: belief.booster_ is not None for kind, belief in model.beliefs.items()}
    return {
        "source": "simulated channels; the client's tables for habits and the client's verdicts",
        "candidates": {str(k): int(n) for k, n in taught["kind"].value_counts().items()},
        "boosted": trained,
        "fallback": [kind for kind, has in trained.items() if not has],
        "verdicts": model.ranker.verdicts_,
        "street_price_spread": round(model.habits.spread_, 4),
    }
