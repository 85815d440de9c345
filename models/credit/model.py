"""CreditModel: will they pay, how late, and how much to lend?

In:   canonical tables (invoices and payments; dealers, sell_in, fx_rates where there are any), a moment, and
      frames of other rooms: "forecast", "clauses", "alerts", "credit" (the limit in force).
Out:  "dealers": one row a dealer; `probability` = `pd_12m`; `score` = 100 x (1 - pd_12m), higher is safer;
      class, points of the card, limit with its terms, rules and inputs (models.credit.limit), reasons;
      "invoices": one row an open invoice; `probability` = `late_probability`;
      "cash": expected cash-in of the open invoices by week, in the ledger's currency.

Only what was known at the moment is seen (features.known). A frame of another room that is
absent has its fallback in `note`. A dealer in default has probability 1.

Errors: models.errors.NotFitted; features.exposure.MissingRate (no rate for a currency).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.exposure import converted
from features.known import Tables, known
from features.payments import Ledger
from models.credit.classes import CUTS, credit_class
from models.credit.default import HORIZONS, Default
from models.credit.late import Late
from models.credit.limit import LimitPolicy, decide
from models.credit.limits import Outside, facts
from models.credit.record import WORDINGS
from models.reasons import top_reasons

Array = NDArray[np.float64]
Others = Mapping[str, pd.DataFrame]
_PD = [f"pd_{h}m" for h in HORIZONS]
_WEEKS = 13
_WEEK_DAYS = 7
_OPEN = 0.005  # less than half a cent is paid
_NO_FORECAST = "no forecast: need from the invoices of the last 12 months"
_MOMENT: Literal["datetime64[us]"] = "datetime64[us]"


@dataclass(kw_only=True)
class CreditModel:
    """PD, late payment, and the policy of limits."""

    default: Default
    late: Late | None  # None: too few invoices; the dealer's shrunk rate answers
    policy: LimitPolicy = field(default_factory=LimitPolicy)
    cuts: tuple[float, ...] = CUTS
    terms_days: float = 30.0
    grace_days: int = 0
    currency: str | None = None
    cutoff_: pd.Timestamp = field(default_factory=lambda: pd.Timestamp(0))

    def ledger(self, tables: Tables, as_of: pd.Timestamp) -> Ledger:
        """The payment record as it was known at the moment."""
        return Ledger.of(known(tables, as_of), currency=self.currency, grace_days=self.grace_days)

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Others | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every dealer, every open invoice, and the cash to come."""
        seen = known(tables, as_of)
        ledger = Ledger.of(seen, currency=self.currency, grace_days=self.grace_days)
        moment = as_of.tz_convert("UTC").tz_localize(None) if as_of.tz else as_of
        dealers = self._dealers(seen, ledger, moment, others or {})
        open_, left = self._open(seen, ledger, moment)
        cash = self._cash(open_, left, dealers, moment, ledger.currency)
        return {"dealers": dealers, "invoices": open_, "cash": cash}

    def new_invoices(self, tables: Tables, as_of: pd.Timestamp, bills: pd.DataFrame) -> pd.DataFrame:
        """Invoices that are not on record: dealer_id, amount, currency, issued_at, due_at."""
        seen = known(tables, as_of)
        ledger = Ledger.of(seen, currency=self.currency, grace_days=self.grace_days)
        rates = seen.get(
            "fx_rates", pd.DataFrame(columns=["base_currency", "quote_currency", "rate", "known_at"])
        )
        when = pd.Series(pd.Timestamp(as_of), index=bills.index)
        amount = converted(
            bills["amount"].to_numpy(float), list(bills["currency"]), when, rates, currency=ledger.currency
        )
        asked = bills.assign(amount=amount, moment=when.astype(_MOMENT))
        return self._worded(_dealers_table(seen), ledger, asked)

    def _dealers(self, seen: Tables, ledger: Ledger, moment: pd.Timestamp, others: Others) -> pd.DataFrame:
        ids = sorted({*ledger.dealer_ids, *_dealers_table(seen)["dealer_id"]})
        when = pd.DatetimeIndex([moment] * len(ids))
        record = ledger.features(ids, when)
        out = pd.DataFrame({"dealer_id": pd.Series(ids, dtype=str)})
        names = [
            "open_amount",
            "overdue_amount",
            "overdue_30d_amount",
            "overdue_90d_amount",
            "invoices",
            "terms_days",
        ]
        out[names] = record[names].to_numpy()
        months = np.clip(record["months_known"].fillna(1), 1, 12)
        out["monthly_amount"] = (record["bought_365d"].clip(lower=0) / months).round(2)
        usual = np.exp(record["usual_amount_log"].to_numpy(float))
        out["in_default"] = (
            out["overdue_90d_amount"].to_numpy() > self.default.material_rate * np.nan_to_num(usual) + _OPEN
        )
        out[_PD] = np.where(
            out["in_default"].to_numpy()[:, None], 1.0, self.default.predict(ledger, ids, when)
        )
        out["probability"] = out["pd_12m"]
        out["score"] = (100 * (1 - out["pd_12m"])).round(2)
        out["points"] = self.default.points(ledger, ids, when)
        effects, columns = self.default.contributions(ledger, ids, when)
        out["reasons"] = pd.Series(top_reasons(effects, columns, WORDINGS), dtype=object)
        adverse = top_reasons(effects, columns, WORDINGS, adverse=True)
        out["adverse_reasons"] = pd.Series(adverse, dtype=object)
        return self._decided(out, Outside.of(seen, others, ledger.currency), ledger, others)

    def _decided(self, out: pd.DataFrame, outside: Outside, ledger: Ledger, others: Others) -> pd.DataFrame:
        """Classes and limits, beside what they came from."""
        rows: list[Any] = list(out.itertuples(index=False))
        graded = [
            credit_class(
                float(row.pd_12m),
                cuts=self.cuts,
                in_default=bool(row.in_default),
                confirmed_critical=outside.critical.get(row.dealer_id) == "confirmed",
                high_clause_risk=row.dealer_id in outside.risky_clauses,
            )
            for row in rows
        ]
        out["credit_class"] = pd.Series([one for one, _ in graded], dtype="int64")
        out["class_rules"] = pd.Series([list(rules) for _, rules in graded], dtype=object)
        asked = facts(out, outside, terms_days=self.terms_days, currency=ledger.currency)
        decisions = [decide(one, self.policy) for one in asked]
        out["limit_amount"] = pd.Series([d.limit_amount for d in decisions], dtype=float)
        out["currency"] = ledger.currency
        out["limit_target_amount"] = pd.Series([d.target_amount for d in decisions], dtype=float)
        out["limit_terms"] = pd.Series([d.terms for d in decisions], dtype=object)
        out["limit_binding"] = pd.Series([d.binding for d in decisions], dtype=str)
        out["limit_rules"] = pd.Series([list(d.rules) for d in decisions], dtype=object)
        out["limit_inputs"] = pd.Series(
            [{"facts": d.facts, "policy": d.policy} for d in decisions], dtype=object
        )
        out["note"] = self._notes(out, outside, ledger, others)
        return out

    def _notes(self, out: pd.DataFrame, outside: Outside, ledger: Ledger, others: Others) -> "pd.Series[str]":
        common = [f"no {name}" for name in ("clauses", "alerts") if name not in others]
        if self.default.fallback_:
            common.append("too few defaults to learn from: prior weights answer")
        common += [f"{count} {name.replace('_', ' ')}" for name, count in ledger.notes.items() if count]
        need = out["dealer_id"].isin(outside.need.index)
        own = [
            [*([] if has else [_NO_FORECAST]), *(["no invoices"] if not n else [])]
            for has, n in zip(need, out["invoices"], strict=True)
        ]
        return pd.Series(["; ".join([*mine, *common]) for mine in own], dtype=str)

    def _open(
        self, seen: Tables, ledger: Ledger, moment: pd.Timestamp
    ) -> tuple[pd.DataFrame, tuple[Array, Array]]:
        """Open invoices by id, and days and weights of what can still come."""
        bills = ledger.invoices
        rest = bills["amount"] - bills["paid_amount"]
        bills = bills[(bills["amount"] > 0) & bills["settled_at"].isna() & (rest > _OPEN)]
        bills = bills.assign(open_amount=rest, moment=pd.Series(moment, index=bills.index).astype(_MOMENT))
        bills = bills.sort_values("invoice_id", ignore_index=True)
        out = bills[["invoice_id", "dealer_id", "issued_at", "due_at", "amount", "open_amount", "currency"]]
        worded = self._worded(_dealers_table(seen), ledger, bills)
        age = (bills["moment"].dt.normalize() - bills["due_at"].dt.normalize()).dt.days.to_numpy(float)
        new = worded.pop("new_probability").to_numpy(float)
        left = (
            self.late.left(new, age)
            if self.late
            else (np.maximum(age, 0)[:, None] + 7.0, np.ones((len(bills), 1)))
        )
        return pd.concat([out, worded], axis=1), left

    def _worded(self, dealers: pd.DataFrame, ledger: Ledger, bills: pd.DataFrame) -> pd.DataFrame:
        """Probability, days, reasons, note of each bill."""
        bills = bills.reset_index(drop=True)
        if self.late is None:
            return _by_rate(ledger, bills)
        new = self.late.probability(ledger, dealers, bills)
        told = self.late.predict(ledger, dealers, bills)
        effects, columns = self.late.contributions(ledger, dealers, bills)
        paid_at = bills["due_at"] + pd.to_timedelta(told["expected_days"].round(), unit="D")
        return pd.DataFrame(
            {
                "score": (100 * (1 - told["probability"])).round(2),
                "probability": told["probability"],
                "late_probability": told["probability"],
                "expected_late_days": told["expected_days"].round(1),
                "q10_days": told["q10_days"],
                "q90_days": told["q90_days"],
                "expected_paid_at": paid_at,
                "reasons": top_reasons(effects, columns, WORDINGS),
                "note": "",
                "new_probability": new,
            }
        )

    def _cash(
        self,
        open_: pd.DataFrame,
        left: tuple[Array, Array],
        dealers: pd.DataFrame,
        moment: pd.Timestamp,
        currency: str,
    ) -> pd.DataFrame:
        """Expected cash of each of the coming weeks; what defaults does not come."""
        days, weights = left
        today = pd.Timestamp(moment).normalize()
        ahead = (open_["due_at"].dt.normalize() - today).dt.days.to_numpy(float)[:, None] + days
        week = np.clip(np.floor(np.maximum(ahead, 0) / _WEEK_DAYS), 0, _WEEKS).astype(int)
        stays = 1 - open_["dealer_id"].map(dealers.set_index("dealer_id")["pd_3m"]).to_numpy(float)
        worth = weights * (open_["open_amount"].to_numpy(float) * stays)[:, None]
        sums = np.bincount(week.ravel(), worth.ravel(), minlength=_WEEKS + 1)[:_WEEKS]
        starts = today + pd.to_timedelta(np.arange(_WEEKS) * _WEEK_DAYS, unit="D")
        return pd.DataFrame({"week_start": starts, "expected_amount": sums.round(2), "currency": currency})


def inputs_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a limit was made from, for a replay."""
    return dict(row["limit_inputs"])


def policy_of(settings: Mapping[str, Any]) -> LimitPolicy:
    """A policy from settings; the rest keeps its default."""
    return LimitPolicy(**{**asdict(LimitPolicy()), **settings})


def _by_rate(ledger: Ledger, bills: pd.DataFrame) -> pd.DataFrame:
    """The dealer's shrunk late rate, where there is too little to learn from."""
    seen = ledger.features(list(bills["dealer_id"]), bills["moment"])
    overdue = (bills["moment"].dt.normalize() > bills["due_at"].dt.normalize()).to_numpy()
    p = np.where(overdue, 1.0, seen["late_rate"].to_numpy(float))
    days = np.maximum(seen["late_days"].fillna(0).to_numpy(float), 0)
    paid_at = bills["due_at"] + pd.to_timedelta(np.round(days), unit="D")
    out = pd.DataFrame({"score": (100 * (1 - p)).round(2), "probability": p, "late_probability": p})
    out["expected_late_days"], out["q10_days"], out["q90_days"] = days, days, days
    out["expected_paid_at"] = paid_at
    out["reasons"] = pd.Series([[] for _ in range(len(bills))], dtype=object)
    return out.assign(
        note="too few invoices to learn from: the dealer's late rate answers", new_probability=p
    )


def _dealers_table(seen: Tables) -> pd.DataFrame:
    if "dealers" in seen:
        return seen["dealers"]
    return pd.DataFrame({"dealer_id": pd.Series(dtype=str), "known_at": pd.Series(dtype=_MOMENT)})
