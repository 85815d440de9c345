"""Dealer plan: one dealer's coming months in one answer, every part from the same forecast.

`answer` joins what the rooms said of the data of one moment: expected demand, what to order, how near the
next rebate tier is, what the rebate will cost, the price, the currency to settle in, what the dealer may
still owe, open alerts. Nothing is computed anew but sums: parts add up to their totals to the cent, and the
order is set against the credit that is left, the line that averts most shortage for its money first.

A dealer's own view (`"view": "dealer"`, the only one that a dealer's key gets) leaves out what is the
brand's: alerts, prices under consideration, accruals, the cost of currencies, the class behind the limit.
A room that has no champion is left out and named in `notes`.

Errors: serving.errors.NotFound (a dealer of whom no room knows), NotReady (no room answers at all).

>>> Request.model_validate_json("{}").view
'brand'
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from features.known import known
from features.money import cents
from serving.errors import Fault, NotFound, NotReady
from serving.rooms.history import STRICT
from serving.scores import Scores

Rooms = Mapping[str, Scores]
ROUTE = "/v1/dealers/{dealer_id}/plan"
EXAMPLE: dict[str, JsonValue] = {"view": "brand"}
_ROOMS = ("inventory", "rebate", "price", "currency", "credit", "anomaly")
_MOST_ALERTS = 20
_DECIMALS = 6


class Request(BaseModel):
    """How much to show."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    view: Literal["brand", "dealer"] = Field(
        "brand", description='"dealer": only what the dealer may see of itself.'
    )


class Demand(BaseModel):
    """What is expected of one product in one period, units."""

    sku_id: str
    period_start: str
    mean: float
    q10: float
    q50: float
    q90: float


class Reason(BaseModel):
    """Why."""

    code: str
    text: str


class OrderLine(BaseModel):
    """One product to order."""

    sku_id: str
    suggested_units: float | None = Field(description="Null where the stock is not on record.")
    suggested_cases: float | None
    tier_units: float = Field(description="Of these, ordered for the next rebate tier.")
    qty_on_hand: float | None
    days_of_stock: float | None
    probability: float | None = Field(description="Of a stock-out before a delivery, with nothing ordered.")
    probability_after: float | None = Field(description="The same, with the suggestion.")
    unit_price: float | None
    amount: float | None = Field(description="Units times price, to the cent.")
    within_credit: bool | None = Field(description="Whether the credit that is left carries this line.")
    reasons: list[Reason]


class Rebate(BaseModel):
    """One running programme."""

    programme_id: str
    currency: str
    ends_at: str
    amount_to_date: float
    expected_amount: float
    tier_no: int
    next_tier_no: int | None
    next_threshold_amount: float | None
    shortfall_amount: float | None
    shortfall_cases: float | None
    probability: float | None = Field(description="Of reaching the next tier by the end.")
    next_rebate_gain_amount: float | None
    accrual_mean: float | None = None
    accrual_p50: float | None = None
    accrual_p90: float | None = None


class Credit(BaseModel):
    """What the dealer may still owe."""

    currency: str
    limit_amount: float
    open_amount: float
    headroom_amount: float
    order_amount: float = Field(description="Of all lines.")
    carried_amount: float = Field(description="Of the lines within the credit.")
    credit_class: int | None = None


class Price(BaseModel):
    """A price under consideration."""

    sku_id: str
    net_price: float
    suggested_price: float
    floor_price: float | None
    ceiling_price: float | None
    probability: float | None = Field(description="That margin rises.")


class Settlement(BaseModel):
    """The currency to settle in."""

    currency: str
    expected_cost_rate: float | None = None
    risk_rate: float | None = None


class Alert(BaseModel):
    """Something wrong, or it seems so."""

    alert_id: str
    type: str
    level: str
    status: str
    sku_id: str


class Response(BaseModel):
    """One dealer, one forecast, every decision."""

    dealer_id: str
    view: str
    forecast_id: str | None = Field(description="The forecast that every part below was drawn from.")
    as_of: str
    data_version: str
    models: dict[str, str] = Field(description="Room to the version that had a say.")
    forecast: list[Demand]
    orders: list[OrderLine]
    order_amount: float | None = Field(description="Sum of the lines' amounts.")
    currency: str | None = Field(description="Of unit prices and amounts.")
    rebates: list[Rebate]
    credit: Credit | None
    settlement: Settlement | None
    prices: list[Price]
    alerts: list[Alert]
    notes: list[str] = Field(description="What was missing, such as no_inventory.")


FIELDS = frozenset(Request.model_fields)


def answer(dealer_id: str, request: Request, rooms: Rooms) -> Response:
    """Everything that the rooms say of one dealer."""
    if not rooms:
        raise NotReady("No room has a champion yet.", next_step="Train one with `qudao train inventory`.")
    one = next(iter(rooms.values()))
    _require(dealer_id, one)
    lines, currency = _lines(dealer_id, rooms, one)
    credit = _credit(dealer_id, rooms, lines, currency)
    told = Response(
        dealer_id=dealer_id,
        view="brand",
        forecast_id=next((s.forecast_id for s in rooms.values() if s.forecast_id), None),
        as_of=one.as_of,
        data_version=one.data_version,
        models=_models(rooms),
        forecast=[Demand.model_validate(row) for row in _forecast(dealer_id, rooms)],
        orders=lines,
        order_amount=_total(lines),
        currency=currency,
        rebates=[Rebate.model_validate(row) for row in _rows(dealer_id, rooms, "rebate", "attainment")],
        credit=credit,
        settlement=_settlement(dealer_id, rooms),
        prices=[Price.model_validate(row) for row in _rows(dealer_id, rooms, "price", "prices")],
        alerts=_alerts(dealer_id, rooms),
        notes=_notes(rooms),
    )
    return told if request.view == "brand" else _own_view(told)


def again(question: Mapping[str, Any], rooms: Rooms) -> Any:
    """The answer to a question that was kept, as JSON holds it."""
    asked = {name: value for name, value in question.items() if name != "dealer_id"}
    return answer(question["dealer_id"], Request(**asked), rooms).model_dump(mode="json")


def _own_view(told: Response) -> Response:
    """Only what a dealer may see of itself."""
    hidden = {"accrual_mean": None, "accrual_p50": None, "accrual_p90": None}
    settlement = told.settlement and Settlement(currency=told.settlement.currency)
    return told.model_copy(
        update={
            "view": "dealer",
            "rebates": [one.model_copy(update=hidden) for one in told.rebates],
            "credit": told.credit and told.credit.model_copy(update={"credit_class": None}),
            "settlement": settlement,
            "prices": [],
            "alerts": [],
            "models": {},
        }
    )


def _require(dealer_id: str, scores: Scores) -> None:
    dealers = scores.tables.get("dealers", pd.DataFrame({"dealer_id": []}))
    sales = scores.tables.get("sell_in", pd.DataFrame({"dealer_id": []}))
    if not any((frame["dealer_id"] == dealer_id).any() for frame in (dealers, sales)):
        raise NotFound(
            "The dealer is not on record.",
            kind="unknown-dealer",
            next_step="Check the id, or load the dealer with `qudao ingest`.",
            faults=[Fault(field="dealer_id", detail="no such dealer")],
        )


def _forecast(dealer_id: str, rooms: Rooms) -> Iterator[dict[str, Any]]:
    told = next((s.others["forecast"] for s in rooms.values() if "forecast" in s.others), None)
    if told is None:
        return
    mine = told[told["dealer_id"] == dealer_id]
    for row in mine.to_dict("records"):
        numbers = {name: round(float(row[name]), _DECIMALS) for name in ("mean", "q10", "q50", "q90")}
        yield {"sku_id": str(row["sku_id"]), "period_start": f"{row['period_start']:%Y-%m-%d}", **numbers}


def _rows(dealer_id: str, rooms: Rooms, room: str, frame: str) -> list[dict[str, Any]]:
    """A dealer's rows of one room's frame, as JSON would hold them."""
    if room not in rooms:
        return []
    found = rooms[room].frames[frame]
    mine = found[found["dealer_id"] == dealer_id] if "dealer_id" in found else found.iloc[:0]
    plain = mine.astype(object).where(mine.notna(), None)
    return [{str(k): _plain(v) for k, v in row.items()} for row in plain.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return value.item() if isinstance(value, np.generic) else value


def _lines(dealer_id: str, rooms: Rooms, one: Scores) -> tuple[list[OrderLine], str | None]:
    rows = _rows(dealer_id, rooms, "inventory", "orders")
    priced = _prices(dealer_id, one)
    currencies = {priced[r["sku_id"]][1] for r in rows if r["sku_id"] in priced}
    currency = currencies.pop() if len(currencies) == 1 else None
    lines = []
    for row in rows:
        price = priced.get(row["sku_id"], (None, ""))[0] if currency else None
        amount = _amount(row["suggested_units"], price, currency)
        reasons = [Reason(code=r["code"], text=r["text"]) for r in row.get("reasons") or []]
        known_fields = {k: v for k, v in row.items() if k in OrderLine.model_fields and k != "reasons"}
        lines.append(
            OrderLine(**known_fields, unit_price=price, amount=amount, within_credit=None, reasons=reasons)
        )
    return lines, currency


def _amount(units: float | None, price: float | None, currency: str | None) -> float | None:
    """Units times price, to the cent; None where one is not known."""
    if units is None or price is None or currency is None:
        return None
    return float(cents(Decimal(str(units)) * Decimal(str(price)), currency))


def _prices(dealer_id: str, scores: Scores) -> dict[str, tuple[float, str]]:
    """Net price and currency of the period to come, by product; else the last one known."""
    table = known(scores.tables, scores.moment).get("prices")
    if table is None or table.empty:
        return {}
    mine = table[(table["dealer_id"] == dealer_id) & table["net_price"].notna()]
    ahead = mine["period_start"] >= scores.moment.normalize()
    nearest = mine.assign(_ahead=ahead, _far=(mine["period_start"] - scores.moment).abs())
    nearest = nearest.sort_values(["_ahead", "_far"], ascending=[False, True], kind="stable")
    first = nearest.drop_duplicates("sku_id").set_index("sku_id")
    return {
        str(sku): (round(float(row["net_price"]), 4), str(row["currency"])) for sku, row in first.iterrows()
    }


def _total(lines: Sequence[OrderLine]) -> float | None:
    """Sum of the suggested lines; None where nothing is suggested or a price is not known."""
    asked = [line for line in lines if line.suggested_units is not None]
    if not asked or any(line.amount is None for line in asked):
        return None
    return float(sum((Decimal(str(line.amount)) for line in asked), Decimal(0)))


def _credit(dealer_id: str, rooms: Rooms, lines: list[OrderLine], currency: str | None) -> Credit | None:
    """The limit beside the order; marks the lines that the headroom carries."""
    rows = _rows(dealer_id, rooms, "credit", "dealers")
    if not rows:
        return None
    row = rows[0]
    headroom = max(float(row["limit_amount"]) - float(row["open_amount"]), 0.0)
    total = _total(lines)
    carried = 0.0
    if currency == row["currency"] and total is not None:
        carried = _carry(lines, Decimal(str(round(headroom, 2))))
    return Credit(
        currency=row["currency"],
        limit_amount=row["limit_amount"],
        open_amount=round(float(row["open_amount"]), 2),
        headroom_amount=round(headroom, 2),
        order_amount=total or 0.0,
        carried_amount=carried,
        credit_class=row["credit_class"],
    )


def _carry(lines: list[OrderLine], headroom: Decimal) -> float:
    """Mark lines within the headroom, most shortage averted for its money first; returns their sum."""
    carried = Decimal(0)
    priced = [line for line in lines if line.amount is not None]
    for line in sorted(priced, key=_urgency, reverse=True):
        amount = Decimal(str(line.amount))
        line.within_credit = carried + amount <= headroom
        carried += amount if line.within_credit else 0
    return float(carried)


def _urgency(line: OrderLine) -> tuple[float, str]:
    averted = (line.probability or 0.0) - (line.probability_after or 0.0)
    return averted / max(line.amount or 0.0, 0.01), line.sku_id


def _settlement(dealer_id: str, rooms: Rooms) -> Settlement | None:
    rows = [row for row in _rows(dealer_id, rooms, "currency", "currencies") if row["rank"] == 1]
    return Settlement.model_validate(rows[0]) if rows else None


def _alerts(dealer_id: str, rooms: Rooms) -> list[Alert]:
    rows = _rows(dealer_id, rooms, "anomaly", "alerts")
    live = [row for row in rows if row["status"] != "dismissed"]
    return [Alert.model_validate(row) for row in live[:_MOST_ALERTS]]


def _models(rooms: Rooms) -> dict[str, str]:
    versions: dict[str, str] = {}
    for scores in rooms.values():
        versions |= dict(scores.models)
    return dict(sorted(versions.items()))


def _notes(rooms: Rooms) -> list[str]:
    absent = [f"no_{room}" for room in _ROOMS if room not in rooms]
    return absent if any("forecast" in s.others for s in rooms.values()) else [*absent, "no_forecast"]
