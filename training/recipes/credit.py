"""Recipe of the credit room: from invoices and payments to a model that may be released.

1. ledger      what was known at the moment (features.payments)
2. default     PD 3/6/12 on every stretch of months that was over by then (models.credit.default)
3. late        late payment of one invoice (models.credit.late)
4. evidence    the same, fitted at earlier cutoffs, asked for what then happened; simple rules beside it

Errors: features.errors.TooFewRows.
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from features.errors import TooFewRows
from features.industries import Industry, industry
from features.invoicing import traits
from features.known import Tables, known
from features.payments import Ledger
from models.credit.classes import CUTS
from models.credit.default import HORIZONS, Default, at_risk
from models.credit.late import Late, training_bills
from models.credit.limit import LimitPolicy
from models.credit.model import CreditModel, policy_of
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent

Array = NDArray[np.float64]
Rate = Annotated[float, Field(ge=0, le=1)]
_LEAST_RATE = 1e-4


class Config(RoomConfig):
    """configs/credit.yaml; the values here are those of the file."""

    room = "credit"
    industry: str = "general"
    currency: str | None = None
    grace_days: int = Field(default=0, ge=0)
    class_cuts: tuple[Rate, ...] = Field(default=CUTS, min_length=4, max_length=4)
    judged_months: tuple[Annotated[int, Field(ge=3)], ...] = (18, 15, 12)
    judged_invoices_rate: Rate = 0.25
    least_invoices: int = Field(default=120, ge=20)
    limit: dict[str, float] = Field(default_factory=dict)
    seed: int = 0

    def policy(self, pack: Industry) -> LimitPolicy:
        """The limit policy; the industry's loss given default where none is set."""
        return policy_of({"lgd": pack.credit.loss_given_default_rate} | self.limit)


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at the moment, and how it did on what it had not seen."""
    pack, seen = industry(config.industry), known(tables, moment)
    ledger = _ledger(seen, config)
    have = len(training_bills(ledger, moment))
    if have < config.least_invoices:
        raise TooFewRows("The credit room: invoices with a known outcome", config.least_invoices, have)
    default = Default(days=pack.credit.default_days, seed=config.seed).fit(ledger, moment)
    late = _late(ledger, seen, moment, config)
    model = CreditModel(
        default=default,
        late=late,
        policy=config.policy(pack),
        cuts=config.class_cuts,
        terms_days=float(pack.credit.terms_days),
        grace_days=config.grace_days,
        currency=ledger.currency,
        cutoff_=moment,
    )
    evidence = pd.concat(
        [*_judged_defaults(seen, moment, config, pack), *_judged_invoices(seen, moment, config)]
    )
    about = {
        "invoices": have,
        "dealers": len(ledger.dealer_ids),
        "defaulted_dealers": default.defaults_,
        "fallback": default.fallback_ or late is None,
        "currency": ledger.currency,
        "odd_rows": ledger.notes,
    }
    return Fitted(model=model, evidence=evidence.reset_index(drop=True), about=about)


def _ledger(seen: Tables, config: Config) -> Ledger:
    return Ledger.of(seen, currency=config.currency, grace_days=config.grace_days)


def _late(ledger: Ledger, seen: Tables, moment: pd.Timestamp, config: Config) -> Late | None:
    try:
        return Late(seed=config.seed).fit(ledger, _dealers(seen), moment)
    except TooFewRows:
        return None


def _judged_defaults(
    seen: Tables, moment: pd.Timestamp, config: Config, pack: Industry
) -> list[pd.DataFrame]:
    """Defaults after earlier cutoffs, by models of those cutoffs."""
    now = _ledger(seen, config)
    failed = now.defaults(moment, days=pack.credit.default_days)
    parts = []
    for months in config.judged_months:
        cutoff = moment.normalize() - pd.DateOffset(months=months)
        before = known(seen, cutoff)
        ledger = _ledger(before, config)
        alive = at_risk(ledger, cutoff, ledger.defaults(cutoff, days=pack.credit.default_days))
        if not len(alive):
            continue
        model = Default(days=pack.credit.default_days, seed=config.seed).fit(ledger, cutoff)
        when = pd.DatetimeIndex([cutoff] * len(alive))
        p, overdue = (
            model.predict(ledger, list(alive), when),
            ledger.features(list(alive), when)["overdue_share"],
        )
        for j, horizon in enumerate(HORIZONS):
            ends = cutoff + pd.DateOffset(months=horizon)
            if ends <= moment:
                y = np.asarray(failed.reindex(alive) <= ends, dtype=float)
                simple = {"baseline_overdue": _simple(overdue.to_numpy(float), model.rate_ * horizon / 12)}
                asked = pd.DataFrame({"dealer_id": alive, "moment": cutoff})
                parts.append(_rows(f"default_{horizon}m", alive, asked, y, p[:, j], before).assign(**simple))
    return parts


def _judged_invoices(seen: Tables, moment: pd.Timestamp, config: Config) -> list[pd.DataFrame]:
    """The last invoices, by a model of the time before them."""
    ledger = _ledger(seen, config)
    bills = training_bills(ledger, moment)
    cutoff = bills["moment"].iloc[int((1 - config.judged_invoices_rate) * (len(bills) - 1))]
    before = known(seen, cutoff)
    model = _late(_ledger(before, config), before, cutoff, config)
    asked = bills[bills["moment"] > cutoff]
    if model is None or not len(asked):
        return []
    p = model.probability(ledger, _dealers(seen), asked)
    rate = ledger.features(list(asked["dealer_id"]), asked["moment"])["late_rate"].to_numpy(float)
    rows = _rows("late_payment", asked["invoice_id"], asked, asked["late"].to_numpy(float), p, seen)
    return [rows.assign(cutoff=cutoff, baseline_late_rate=rate)]


def _rows(task: str, subject: Any, asked: pd.DataFrame, y: Array, p: Array, seen: Tables) -> pd.DataFrame:
    own = traits(_dealers(seen), asked.reset_index(drop=True)).fillna("")
    out = pd.DataFrame(
        {"task": task, "subject": np.asarray(subject), "cutoff": asked["moment"].to_numpy(), "y": y}
    )
    return out.assign(
        probability=p, territory_id=own["territory_id"].astype(str), tier=own["tier"].astype(str)
    )


def _simple(share: Array, rate: float) -> Array:
    """Base rate, raised with the share of what is open that is overdue."""
    odds = (
        max(rate, _LEAST_RATE) / (1 - min(max(rate, _LEAST_RATE), 0.5)) * np.exp(3 * (share - share.mean()))
    )
    return np.asarray(odds / (1 + odds))


def _dealers(seen: Tables) -> pd.DataFrame:
    if "dealers" in seen:
        return seen["dealers"]
    return pd.DataFrame({"dealer_id": pd.Series(dtype=str), "known_at": pd.Series(dtype="datetime64[us]")})
