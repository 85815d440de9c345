"""AnomalyModel: what is wrong in the channel right now, graded, with evidence.

In:   canonical tables (any may be absent), a moment, frames of other rooms.
Out:  "alerts": one row an alert (models.anomaly.alerts.COLUMNS); "pairs": suspected diversions.

`probability` is that of the alert's being right: learned on simulated channels, calibrated there, moved
by the client's own verdicts. `score` is 100 times it: higher is more suspect.

A detector whose tables are absent is silent, and `notes` says so. Without a diversion detector there are
no pairs. Bad luck of one subject never changes another's alert, except for its rank.

Errors: models.errors.NotFitted (by parts that need training).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from features.industries import Industry, industry
from features.known import Tables
from features.parentage import levels
from models.anomaly import (
    diverted,
    documents,
    dues,
    licensed,
    obligations,
    prices,
    purchases,
    stock,
    stuffing,
)
from models.anomaly.alerts import alerts, deduplicated
from models.anomaly.belief import Belief
from models.anomaly.candidates import COLUMNS as CANDIDATE
from models.anomaly.candidates import numbers, objects
from models.anomaly.orders import Book, Orders
from models.anomaly.policy import Policy
from models.anomaly.prices import PriceHabits
from models.anomaly.ranker import Ranker
from models.anomaly.rules import Rules
from models.anomaly.scene import Scene
from models.anomaly.wordings import WORDINGS
from models.reasons import Reason, top_reasons

Array = NDArray[np.float64]
Others = Mapping[str, pd.DataFrame]

LEARNED_KINDS = ("excess", "dead", "short", "stuffing", "undercut", "region")
_SIGNS = tuple(name for name in WORDINGS if name.startswith("x_"))
_KINDS = (*LEARNED_KINDS, "floor", "document", "default", "diversion", "clause", "purchase", "licence")
_PAIRS = (
    *("seller_dealer_id", "receiver_dealer_id", "receiver_territory_id", "sku_id", "first_period"),
    *("last_period", "probability", "score", "units_suspected", "amount_suspected", "evidence"),
)
_NEEDS = {
    "stock": "no stock: nothing is said about stock.",
    "signals": "no street prices: undercutting is not seen.",
    "invoices": "no invoices: defaults are not seen.",
    "sell_in": "no sell-in: stuffing and unusual purchases are not seen.",
    "sell_out": "no sell-out: stock cannot be held against sales.",
}


class Pairs(Protocol):
    """A detector of diversion."""

    def detect(
        self, tables: Tables, as_of: pd.Timestamp, *, since: pd.Timestamp | None = None
    ) -> pd.DataFrame: ...


@dataclass
class AnomalyModel:
    """The detectors, what they learned, and the policy."""

    policy: Policy
    rules: Rules = field(default_factory=Rules)
    trade: Industry = field(default_factory=industry)
    diversion: Pairs | None = None
    habits: PriceHabits = field(default_factory=PriceHabits)
    beliefs: dict[str, Belief] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    ranker: Ranker = field(default_factory=Ranker)
    cutoff_: pd.Timestamp = field(default=pd.Timestamp(0), kw_only=True)
    _kept: tuple[Tables, pd.Timestamp, Book] | None = field(default=None, init=False, repr=False)

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Others | None = None
    ) -> dict[str, pd.DataFrame]:
        """Alerts and suspected pairs as of a moment."""
        scene = self.scene(tables, as_of, others)
        self._kept = (tables, as_of, Book.of(scene))  # so that the first order need not wait
        pairs = self.pairs(scene)
        weighed = self.weighed(scene, pairs)
        raised = alerts(weighed, scene, self.policy)
        raised["note"] = " ".join(self.notes(scene))
        return {"alerts": raised.sort_values("alert_id", ignore_index=True), "pairs": pairs}

    def scene(self, tables: Tables, as_of: pd.Timestamp, others: Others | None = None) -> Scene:
        """What the detectors look at."""
        return Scene.of(tables, as_of, trade=self.trade, rules=self.rules, others=others)

    def book(self, tables: Tables, as_of: pd.Timestamp, others: Others | None = None) -> Book:
        """The book that single orders are held against; the one of the last `score` is at hand."""
        if self._kept is None or self._kept[0] is not tables or self._kept[1] != as_of:
            self._kept = (tables, as_of, Book.of(self.scene(tables, as_of, others)))
        return self._kept[2]

    def __getstate__(self) -> dict[str, Any]:
        """What is saved: everything but the book of one channel."""
        return self.__dict__ | {"_kept": None}

    def pairs(self, scene: Scene) -> pd.DataFrame:
        """Suspected diversions that lasted until lately."""
        if self.diversion is None or not scene.ledger.t:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in (*_PAIRS, "reasons")})
        last = pd.Timestamp(scene.ledger.periods[-1])
        since = last - pd.DateOffset(months=2 * self.rules.recent_months)
        found = self.diversion.detect(scene.tables, scene.as_of, since=since)
        return found.assign(reasons=objects([_statements(one) for one in found["evidence"]], found.index))

    def weighed(self, scene: Scene, pairs: pd.DataFrame) -> pd.DataFrame:
        """Every candidate once, with prior, probability and reasons."""
        parts = [one.assign(prior=self._prior(one)) for one in self.candidates(scene, pairs) if len(one)]
        if not parts:
            empty = {
                name: pd.Series(dtype=object) for name in (*CANDIDATE, "prior", "probability", "reasons")
            }
            return pd.DataFrame(empty)
        every = pd.concat(parts, ignore_index=True)
        once = deduplicated(every.assign(probability=every["prior"]))
        once["probability"] = self.ranker.probability(signs(once), once["prior"].to_numpy(float))
        groups = once.groupby("kind")
        told = [objects(self._reasons(str(kind), rows), rows.index) for kind, rows in groups]
        return once.assign(reasons=pd.concat(told).reindex(once.index))

    def candidates(self, scene: Scene, pairs: pd.DataFrame) -> list[pd.DataFrame]:
        """What each detector puts forward, one frame a kind."""
        frames: Iterable[pd.DataFrame] = (
            stock.candidates(scene),
            stuffing.candidates(scene),
            prices.candidates(scene, self.habits),
            documents.candidates(scene),
            dues.candidates(scene),
            obligations.candidates(scene),
            purchases.candidates(scene, self.orders),
            licensed.candidates(scene),
            diverted.candidates(scene, pairs),
        )
        return [rows for one in frames for _, rows in one.groupby("kind") if len(rows)]

    def notes(self, scene: Scene) -> list[str]:
        """What could not be looked at."""
        said = [text for name, text in _NEEDS.items() if scene.table(name).empty]
        if scene.others.get("credit") is None:
            said.append("no credit scores: defaults by the overdue rule.")
        if self.diversion is None:
            said.append("no diversion detector.")
        if self.trade.licences and scene.table("licences").empty:
            said.append("no licences: nothing is said about who may be supplied.")
        most = self.trade.tiers.levels
        deeper = int((levels(scene.table("dealers")) > most).sum())
        if deeper and "levels" in self.trade.tiers.model_fields_set:
            said.append(f"{deeper} dealers stand below the {most} levels of the trade.")
        return said

    def _prior(self, rows: pd.DataFrame) -> Array:
        belief = self.beliefs.get(str(rows["kind"].iloc[0]))
        raw: Array = np.clip(rows["raw"].to_numpy(float), 0.001, 0.999)
        return raw if belief is None else belief.probability(rows)

    def _reasons(self, kind: str, rows: pd.DataFrame) -> list[list[Reason]]:
        """The strongest log-odds behind each candidate of one kind, and what verdicts moved."""
        belief = self.beliefs.get(kind, Belief())
        parts, names = belief.contributions(rows)
        moved = logit(_inside(rows["probability"])) - logit(_inside(rows["prior"]))
        return top_reasons(np.column_stack([parts, moved]), [*names, "verdicts"], WORDINGS)


def signs(candidates: pd.DataFrame) -> Array:
    """What the ranker sees of each candidate, [n, k]: kind, size, window, company, signs."""
    kinds = np.column_stack([candidates["kind"] == kind for kind in _KINDS]).astype(float)
    prior, amount = _inside(candidates["prior"]), candidates["amount"].to_numpy(float)
    months = (candidates["last_period"] - candidates["first_period"]).dt.days.to_numpy(float) / 30
    company = candidates.groupby(["dealer_id", "kind"])["kind"].transform("size").to_numpy(float)
    general = np.column_stack([logit(prior), np.log1p(amount), months, company])
    return np.hstack([kinds, general, numbers(candidates, _SIGNS)])


def _inside(values: "pd.Series[Any]") -> Array:
    return np.clip(np.asarray(values, dtype=np.float64), 0.001, 0.999)


def _statements(evidence: list[dict[str, Any]]) -> list[Reason]:
    """The statements about a pair as reasons; their effect is log(value / expected)."""
    told = []
    for one in evidence:
        effect = float(np.log((one["value"] + 1) / (one["expected"] + 1))) if one["value"] >= 0 else 0.0
        told.append(
            {"code": str(one.get("kind", "sign")).upper(), "text": one["text"], "effect": round(effect, 4)}
        )
    return told
