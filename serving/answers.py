"""Answers: which room answers a path, what it takes and what it gives.

One entry a path of the scoring rooms; the service, the documentation of the API and the replay of
decisions all read this list, so that they cannot differ.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, JsonValue

from serving.parse import parse
from serving.rooms import (
    contract,
    credit,
    currency,
    depth,
    growth,
    health,
    inventory,
    offers,
    orders,
    price,
    rebate,
    stock,
)
from serving.scores import Scores

HEALTH, CREDIT = "/v1/dealers/health", "/v1/dealers/credit"
GROWTH, ADMISSION = "/v1/dealers/growth", "/v1/dealers/admission"
ORDERS, CONTRACTS = "/v1/risk/orders", "/v1/contracts/review"
CURRENCY = "/v1/fx/recommend"
REBATE_EFFECT, REBATE_OPTIMIZE = "/v1/rebates/effect", "/v1/rebates/optimize"
ATTAINMENT, SIMULATE = "/v1/rebates/attainment", "/v1/rebates/simulate"
PRICES = "/v1/prices/suggest"
SUGGEST, POLICY = "/v1/orders/suggest", "/v1/inventory/policy"
REBALANCE, ALLOCATION = "/v1/inventory/rebalance", "/v1/allocation"


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """One path: the room asked, the shape of question and answer, and how it is answered."""

    room: str
    operation: str
    summary: str
    request: type[BaseModel]
    response: type[BaseModel]
    fields: frozenset[str]  # a hint may suggest these
    example: Mapping[str, JsonValue]
    answer: Callable[[Any, Scores], BaseModel]
    decides: bool = True  # kept, so that it can be replayed

    def read(self, raw: bytes) -> BaseModel:
        """The body as a question."""
        return parse(self.request, raw, known=self.fields)

    def again(self, question: Mapping[str, Any], scores: Scores) -> Any:
        """The answer to a question that was kept, as JSON holds it."""
        asked = self.request.model_validate_json(json.dumps(question))
        return self.answer(asked, scores).model_dump(mode="json")


ANSWERS: dict[str, Answerer] = {
    HEALTH: Answerer(
        room="health",
        operation="health",
        summary="How well each dealer is doing, and which way",
        request=health.Request,
        response=health.Response,
        fields=health.FIELDS,
        example=health.EXAMPLE,
        answer=health.answer,
    ),
    GROWTH: Answerer(
        room="growth",
        operation="growth",
        summary="Each dealer's tier, the way to the next, and the support that helps most",
        request=growth.Request,
        response=growth.Response,
        fields=growth.FIELDS,
        example=growth.EXAMPLE,
        answer=growth.answer,
    ),
    ADMISSION: Answerer(
        room="growth",
        operation="admission",
        summary="Whether to admit a new dealer, from what is known of it",
        request=growth.AdmissionRequest,
        response=growth.AdmissionResponse,
        fields=growth.FIELDS,
        example=growth.ADMISSION_EXAMPLE,
        answer=growth.admit,
    ),
    CREDIT: Answerer(
        room="credit",
        operation="credit",
        summary="Default probabilities, class and credit limit of dealers; lateness of invoices",
        request=credit.Request,
        response=credit.Response,
        fields=credit.FIELDS,
        example=credit.EXAMPLE,
        answer=credit.answer,
    ),
    ORDERS: Answerer(
        room="anomaly",
        operation="screen_orders",
        summary="Approve, review or hold each order before it is shipped",
        request=orders.Request,
        response=orders.Response,
        fields=orders.FIELDS,
        example=orders.EXAMPLE,
        answer=orders.answer,
    ),
    CURRENCY: Answerer(
        room="currency",
        operation="recommend_currency",
        summary="The currency to invoice each dealer in, by expected cost, risk and history",
        request=currency.Request,
        response=currency.Response,
        fields=currency.FIELDS,
        example=currency.EXAMPLE,
        answer=currency.answer,
    ),
    ATTAINMENT: Answerer(
        room="rebate",
        operation="rebate_attainment",
        summary="How far each dealer is from its next tier, how likely, and what to set aside",
        request=rebate.Request,
        response=rebate.Response,
        fields=rebate.FIELDS,
        example=rebate.EXAMPLE,
        answer=rebate.attainment,
    ),
    SIMULATE: Answerer(
        room="rebate",
        operation="rebate_simulate",
        summary="What a ladder would pay, exactly for given purchases, as a spread for forecast ones",
        request=rebate.SimulateRequest,
        response=rebate.SimulateResponse,
        fields=rebate.FIELDS,
        example=rebate.SIMULATE_EXAMPLE,
        answer=rebate.simulate,
    ),
    PRICES: Answerer(
        room="price",
        operation="suggest_prices",
        summary="The price of each dealer and product, inside margin floor, step and corridor",
        request=price.Request,
        response=price.Response,
        fields=price.FIELDS,
        example=price.EXAMPLE,
        answer=price.answer,
    ),
    CONTRACTS: Answerer(
        room="contract",
        operation="review_contract",
        summary="Clauses of a contract with their risk, what is missing, and better wording",
        request=contract.Request,
        response=contract.Response,
        fields=contract.FIELDS,
        example=contract.EXAMPLE,
        answer=contract.answer,
        decides=False,  # a contract's text is not kept
    ),
    REBATE_EFFECT: Answerer(
        room="rebate",
        operation="rebate_effect",
        summary="What a deeper or flatter rebate would bring each dealer",
        request=depth.EffectRequest,
        response=depth.EffectResponse,
        fields=depth.FIELDS,
        example=depth.EXAMPLE,
        answer=depth.effect,
        decides=False,
    ),
    REBATE_OPTIMIZE: Answerer(
        room="rebate",
        operation="optimize_rebates",
        summary="One offer for each dealer within budgets, caps and floors, with a proven gap",
        request=offers.Optimize,
        response=offers.OptimizeResponse,
        fields=offers.FIELDS,
        example=offers.EXAMPLE,
        answer=offers.optimize,
    ),
    SUGGEST: Answerer(
        room="inventory",
        operation="suggest_orders",
        summary="What each dealer should order of each product",
        request=inventory.Request,
        response=inventory.Response,
        fields=inventory.FIELDS,
        example=inventory.EXAMPLE,
        answer=inventory.suggest,
    ),
    POLICY: Answerer(
        room="inventory",
        operation="inventory_policy",
        summary="At what stock to order, and up to where",
        request=inventory.Request,
        response=inventory.PolicyResponse,
        fields=inventory.FIELDS,
        example=inventory.POLICY_EXAMPLE,
        answer=inventory.policy,
    ),
    REBALANCE: Answerer(
        room="inventory",
        operation="rebalance",
        summary="Transfers between dealers that are worth their freight",
        request=stock.RebalanceRequest,
        response=stock.RebalanceResponse,
        fields=stock.REBALANCE_FIELDS,
        example=stock.REBALANCE_EXAMPLE,
        answer=stock.rebalance,
    ),
    ALLOCATION: Answerer(
        room="inventory",
        operation="allocate",
        summary="Scarce stock of one product shared out over dealers",
        request=stock.AllocationRequest,
        response=stock.AllocationResponse,
        fields=stock.ALLOCATION_FIELDS,
        example=stock.ALLOCATION_EXAMPLE,
        answer=stock.allocate,
    ),
}
