"""Currency: in which currency should these dealers be invoiced, and why?

`answer` words what the model said of the data of today. Dealers are looked up, so an online answer is the
batch's answer; an exposure that is given (`exposures`) is asked of the same model at the rates of today.

Errors: serving.errors.NotFound (a dealer that is not on record, by position), Wrong (twice the same dealer; a
currency without a rate; a stale rate, kind `stale-rate`; an amount that is none).

>>> Request.model_validate_json('{"exposures": [{"own_currency": "USD", "amount": 1000.0}]}').rates
False
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from features.errors import hint
from serving.errors import Fault, NotFound, Wrong, wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS = 10_000
MOST_EXPOSURES = 1_000
MOST_DAYS = 180
EXAMPLE: dict[str, JsonValue] = {
    "dealer_ids": ["D001"],
    "exposures": [{"own_currency": "USD", "amount": 50000.0, "currency": "USD", "days": 45.0}],
    "rates": True,
}
Id = Annotated[str, Field(min_length=1, max_length=128)]
Code = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class Exposure(BaseModel):
    """An amount that is to be invoiced to somebody who need not be on record."""

    model_config = STRICT

    own_currency: Code = Field(description="The currency that the buyer has.")
    amount: Annotated[FiniteFloat, Field(gt=0, description="Above zero.")]
    currency: Code | None = Field(None, description="Of the amount; home when left out.")
    days: Annotated[FiniteFloat, Field(gt=0, le=MOST_DAYS)] | None = Field(
        None, description="From invoice to payment; the usual days of the settings when left out."
    )
    candidates: Annotated[list[Code], Field(max_length=20)] = Field(
        default_factory=list, description="Offered beside home and the buyer's own."
    )


class Request(BaseModel):
    """Which dealers, or which exposures."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers, in the order of the answer; all when this and exposures are left out."
    )
    exposures: Annotated[list[Exposure], Field(min_length=1, max_length=MOST_EXPOSURES)] | None = Field(
        None, description="Amounts to ask about, whoever they are of."
    )
    rates: bool = Field(False, description="Also say what each rate is, how it moves and how old it is.")


class Reason(BaseModel):
    """A part of the cost."""

    code: str = Field(examples=["RATE_RISK"])
    text: str
    effect: float = Field(description="What it adds to the expected cost, a fraction of the amount.")


class Choice(BaseModel):
    """One currency; without a rank it is refused."""

    currency: str
    rank: int | None = Field(description="1 is recommended; null when refused.")
    expected_cost_rate: float | None = Field(description="Fraction of the amount.")
    risk_rate: float | None = Field(description="Mean loss in the worst cases (CVaR) until payment.")
    score: float = Field(description="0 to 100, higher is cheaper.")
    probability: float | None = Field(description="That it costs less than home; 0 for home itself.")
    share_of_history: float = Field(description="Of two years' invoices by value.")
    expected_cost_amount: float | None = Field(description="In home: of a month, or of the exposure.")
    reasons: list[Reason]
    refused: str = Field(description="Empty, or why it may not be used.")


class DealerCurrencies(BaseModel):
    """One dealer's currencies, the best first."""

    dealer_id: str
    own_currency: str
    days_outstanding: float
    monthly_amount: float = Field(description="Expected purchases a month, in home.")
    note: str
    currencies: list[Choice]


class ExposureCurrencies(BaseModel):
    """The currencies for a given exposure, the best first."""

    own_currency: str
    home_amount: float = Field(description="What it is worth at home, at the last rate.")
    rate_date: str | None = Field(description="Day of the rate that was used; null at home.")
    days: float
    currencies: list[Choice]


class RateToday(BaseModel):
    """What a currency is worth at home."""

    currency: str
    rate_date: str
    rate: float
    volatility: float | None = Field(description="Of a year.")
    low_rate: float | None = Field(description="90 % band after the usual days.")
    high_rate: float | None
    stale_days: int = Field(description="Business days since the last rate.")
    note: str


class Response(BaseModel):
    """Dealers and exposures, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    home_currency: str
    dealers: list[DealerCurrencies]
    exposures: list[ExposureCurrencies]
    rates: list[RateToday] | None


FIELDS = frozenset(Request.model_fields) | frozenset(Exposure.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked dealers and exposures."""
    return Response(
        **made_by(scores),
        home_currency=scores.model.terms.home,
        dealers=_dealers(request, scores),
        exposures=_exposures(request.exposures, scores) if request.exposures else [],
        rates=_rates(scores) if request.rates else None,
    )


def _dealers(request: Request, scores: Scores) -> list[DealerCurrencies]:
    frame = scores.frames["currencies"]
    rows = frame.groupby("dealer_id", sort=False).indices
    asked = request.dealer_ids
    if asked is None:
        asked = [] if request.exposures else [str(name) for name in rows]
    _refuse_strangers(asked, rows)
    return [_dealer(records(frame.iloc[rows[name]])) for name in asked]


def _refuse_strangers(asked: list[str], known: Any) -> None:
    if unknown := [i for i, name in enumerate(asked) if name not in known]:
        raise NotFound(
            f"{len(unknown)} of {len(asked)} dealers are not on record.",
            kind="unknown-dealer",
            next_step="Check the ids, load the dealers with `qudao ingest`, or ask by `exposures`.",
            faults=[Fault(field=f"dealer_ids[{i}]", detail="no such dealer") for i in unknown],
        )
    refuse_twice(asked, "dealer_ids[{}]", "dealer")


def _dealer(rows: list[dict[str, Any]]) -> DealerCurrencies:
    return DealerCurrencies.model_validate(rows[0] | {"currencies": rows})


def _exposures(asked: list[Exposure], scores: Scores) -> list[ExposureCurrencies]:
    market = scores.model.market(scores.tables, scores.moment)
    return [_exposure(one, f"exposures[{i}]", market, scores.model.terms) for i, one in enumerate(asked)]


def _exposure(asked: Exposure, field: str, market: Any, terms: Any) -> ExposureCurrencies:
    """One given exposure; whatever it names has to have a usable rate."""
    money = asked.currency or terms.home
    named = {"own_currency": asked.own_currency, "currency": money}
    named |= {f"candidates[{i}]": one for i, one in enumerate(asked.candidates)}
    for name, currency in named.items():
        _refuse_unusable(currency, f"{field}.{name}", market)
    days = asked.days or terms.usual_days
    day, worth = (None, 1.0) if money == terms.home else market.rates.last(money)
    amount = asked.amount * worth
    told = market.recommend(asked.own_currency, days, asked.candidates, used={}, hedged={})
    return ExposureCurrencies(
        own_currency=asked.own_currency,
        home_amount=round(amount, 2),
        rate_date=f"{day:%Y-%m-%d}" if day is not None else None,
        days=days,
        currencies=[
            Choice.model_validate(
                one | {"expected_cost_amount": round(one["expected_cost_rate"] * amount, 2)}
            )
            for one in told
        ],
    )


def _refuse_unusable(currency: str, field: str, market: Any) -> None:
    if market.usable(currency):
        return
    on_record = [market.rates.home, *market.rates.currencies]
    if currency not in on_record:
        near = hint(currency, on_record)
        detail = f"{field}: no rate of this currency is on record; those are {', '.join(on_record)}.{near}"
        raise wrong(field, detail, kind="unknown-currency", next_step="Load its rates with `qudao ingest`.")
    kind = "stale-rate" if market.why_not(currency).startswith("stale") else "short-history"
    raise Wrong(
        f"{field}: {market.why_not(currency)}",
        kind=kind,
        next_step="Load newer rates with `qudao ingest`, then ask again.",
        faults=[Fault(field=field, detail=market.why_not(currency))],
    )


def _rates(scores: Scores) -> list[RateToday]:
    frame = scores.frames["rates"]
    told = frame.assign(rate_date=[f"{day:%Y-%m-%d}" for day in frame["rate_date"]])
    return [RateToday.model_validate(row) for row in records(told)]
