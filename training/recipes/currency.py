"""Recipe of the currency room: from dated rates and invoices to a model that may be released.

1. model       volatility of every currency, from the rates that were known at the moment
2. volatility  each month's realised variance against the one foretold by a model of earlier rates; beside it
               constant volatility and that of the last 60 days (task `volatility`, loss QLIKE)
3. settlement  invoices of the following month in the recommended currency: what they had cost when they were
               paid (task `settlement`, percent); beside it home, the currency used last, the dealer's own

A subject is a month of one currency: its invoices share one path of the rate. The cost that is judged leaves
out what the rate won or lost (training.settlements: `charge`), which is luck for whoever has no view; the one
with it stands in `about`. Without rates there is no evidence, and everybody is told home.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from features.known import Tables
from features.sheets import naive
from models.currency.coverage import kupiec, qlike
from models.currency.market import Market
from models.currency.model import CurrencyModel
from models.currency.terms import Terms
from models.currency.volatility import LEAST_EWMA, horizon_variance
from training.config import RoomConfig
from training.fitted import EVIDENCE, Fitted
from training.progress import Tick, silent
from training.settlements import RULES, Paid, judged

Rate = Annotated[float, Field(ge=0, le=1)]
Code = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Positive = Annotated[float, Field(ge=0)]
Array = NDArray[np.float64]
BANDS = (0.90, 0.95)
_ROLLING_DAYS = 60
_LEAST_DAYS = 10  # of a month with a rate


class Config(RoomConfig):
    """configs/currency.yaml; the values here are those of the file."""

    room: ClassVar[str] = "currency"
    home_currency: Code = "CNY"
    candidates: tuple[Code, ...] = ()
    own_currencies: dict[str, Code] = Field(default_factory=dict)
    most_stale_days: Annotated[int, Field(ge=1, le=60)] = 5
    spread_rate: Rate = 0.001
    spread_rates: dict[Code, Rate] = Field(default_factory=dict)
    dealer_spread_rate: Rate = 0.008
    forward_rates: dict[Code, Annotated[float, Field(ge=-1, le=1)]] = Field(default_factory=dict)
    payables: dict[Code, Positive] = Field(default_factory=dict)
    risk_charge_rate: Rate = 0.1
    tail_rate: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    pass_through_rate: Rate = 0.5
    unaccustomed_rate: Rate = 0.0005
    usual_days: Annotated[float, Field(gt=0, le=365)] = 45.0
    judged_months: Annotated[int, Field(ge=1, le=60)] = 24
    refit_months: Annotated[int, Field(ge=1, le=24)] = 6
    seed: int = 0

    @model_validator(mode="after")
    def _home_is_no_foreign_currency(self) -> "Config":
        for name in ("spread_rates", "forward_rates", "payables"):
            if self.home_currency in getattr(self, name):
                raise ValueError(f"{name} holds home ({self.home_currency}), which costs and moves nothing")
        return self

    def terms(self) -> Terms:
        """What the model is told."""
        own = {"room", "home_currency", "judged_months", "refit_months", "seed"}
        return Terms(home=self.home_currency, **self.model_dump(exclude=own))


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """The room's model at a moment, and how models of earlier moments did."""
    moment = naive(moment)
    model = CurrencyModel(terms=config.terms(), seed=config.seed).fit(tables, moment)
    tick("volatility")
    told = judged_months(tables, moment, config, tick=tick)
    parts = [*told.variances, *told.charges]
    seen = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    currencies = model.rates(tables, moment).currencies
    evidence = seen.drop(columns=_held(seen))
    columns = [*dict.fromkeys([*EVIDENCE, "loss", *evidence.columns])]
    about = {
        "home_currency": model.terms.home,
        "currencies": currencies,
        "stretch": model.movement_.stretch_,
        "fallback": "" if currencies else "no exchange rates are on record, so everybody is told home",
    }
    about |= _coverage(seen) | {"settlement_with_luck": _with_luck(told.costs)}
    return Fitted(model=model, evidence=evidence.reindex(columns=columns), about=about)


@dataclass
class Judged:
    """Month after month: losses of variances, and what settlements had cost without and with luck."""

    variances: list[pd.DataFrame] = field(default_factory=list)
    charges: list[pd.DataFrame] = field(default_factory=list)
    costs: list[pd.DataFrame] = field(default_factory=list)


def judged_months(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Judged:
    """Later months, each answered by a model of earlier rates."""
    rates = CurrencyModel(terms=config.terms()).rates(tables, moment)
    past, returns, out = Paid.of(tables, rates), rates.returns(), Judged()
    for cutoff, earlier in _earlier(tables, moment, config):
        market = earlier.market(tables, cutoff)
        out.variances.append(_volatility(market, returns, cutoff))
        told = judged(earlier, earlier.score(tables, cutoff)["currencies"], cutoff, market.rates, past)
        out.charges.append(told["charge"].assign(task="settlement"))
        out.costs.append(told["cost"])
        tick(f"evidence of {cutoff:%Y-%m}")
    return out


def _earlier(
    tables: Tables, moment: pd.Timestamp, config: Config
) -> Iterator[tuple[pd.Timestamp, CurrencyModel]]:
    """Month after month, each with a model of rates known at its beginning or before."""
    last = moment.normalize().replace(day=1) - pd.DateOffset(months=1)
    for place, cutoff in enumerate(pd.date_range(end=last, periods=config.judged_months, freq="MS")):
        if place % config.refit_months == 0:
            model = CurrencyModel(terms=config.terms(), seed=config.seed).fit(tables, cutoff)
        if model.movement_.models_:
            yield cutoff, model


def _volatility(market: Market, returns: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Variances of the month after a cutoff, foretold and realised; and whether bands held."""
    month = returns[(returns.index >= cutoff) & (returns.index < cutoff + pd.DateOffset(months=1))]
    rows = []
    for currency in market.costs.currencies:
        coming = month[currency].dropna().to_numpy(dtype=np.float64)
        past = market.returns[currency].dropna().to_numpy(dtype=np.float64)
        if len(coming) >= _LEAST_DAYS and len(past) >= LEAST_EWMA:
            told = _losses(market, currency, past, coming) | _inside(market, currency, coming)
            rows.append(told | {"subject": f"{currency} {cutoff:%Y-%m}", "cutoff": cutoff})
    return pd.DataFrame(rows).assign(task="volatility")


def _losses(market: Market, currency: str, past: Array, coming: Array) -> dict[str, float]:
    days = len(coming)
    belief = market.movement.model(currency, past)
    foretold = {
        "loss": horizon_variance(belief, past, days),
        "baseline_constant": days * float(np.mean(past**2)),
        "baseline_rolling_60": days * float(np.mean(past[-_ROLLING_DAYS:] ** 2)),
    }
    losses = qlike(np.full(len(foretold), (coming**2).sum()), np.array(list(foretold.values())))
    return dict(zip(foretold, losses.tolist(), strict=True))


def _inside(market: Market, currency: str, coming: Array) -> dict[str, Any]:
    ends = market.costs.paths[market.costs.currencies.index(currency), len(coming) - 1]
    edges = {band: np.quantile(ends, [(1 - band) / 2, (1 + band) / 2]) for band in BANDS}
    return {f"inside_{band:.0%}": bool(low <= coming.sum() <= high) for band, (low, high) in edges.items()}


def _held(seen: pd.DataFrame) -> list[str]:
    return [str(c) for c in seen.columns if str(c).startswith("inside_")]


def _coverage(seen: pd.DataFrame) -> dict[str, Any]:
    """How often bands held, and how surprising that is when they are right."""
    out: dict[str, Any] = {"windows": 0}
    for band, column in zip(BANDS, _held(seen), strict=False):
        hits = seen[column].dropna().to_numpy(dtype=bool)
        out |= {"windows": len(hits), column: float(hits.mean()), f"kupiec_{band:.0%}": kupiec(hits, band)}
    return out


def _with_luck(costs: list[pd.DataFrame]) -> dict[str, float]:
    """Mean cost of each rule in percent, with what the rates won and lost."""
    if not any(len(one) for one in costs):
        return {}
    means = pd.concat(costs)[list(RULES)].mean()
    return {str(name).removeprefix("baseline_"): round(float(value), 4) for name, value in means.items()}
