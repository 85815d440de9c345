"""Offers: who should get which rebate within budgets, caps and floors.

Options are given in the request, or are depths for the dealers on record, whose gains and costs are worked
out from what the champion of the rebate room believes of depth; there the budget is kept with a `confidence`,
in draws of what all of them are paid together, and not only as expected. The same question, data and
champion give the same plan.

Errors: serving.errors.NotFound (a dealer without a running programme, by position), Wrong (depths that nobody
was offered; limits that no plan keeps; a name twice), NotReady (too thin a record to learn an effect from).

>>> Optimize.model_validate_json('{"budgets": [100], "depths": [0.01, 0.02], "margin_rate": 0.3}').budgets
[100.0]
"""

import re
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from models.errors import ModelError
from models.rebate.assured import LEAST, MOST, Assured, Chance, assured
from models.rebate.offers import Terms, spend_ratios
from models.rebate.optimise import Plan, optimise
from models.rebate.options import BadOptions, Infeasible, Limits, Options
from serving.errors import Wrong, wrong
from serving.rooms.asked import ModelUsed, made_by, refuse_twice
from serving.rooms.depth import MOST_DEALERS, Depths, Id, belief_of, offered_at, on_record, spread_depths
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_OPTIONS = 50
MOST_BUDGETS = 8
Amount = Annotated[FiniteFloat, Field(ge=0)]
EXAMPLE: dict[str, JsonValue] = {"budgets": [100000], "margin_rate": 0.3, "depths": [0.01, 0.03, 0.05]}
_FIELD = re.compile(r"^[a-z_]+(\[\d+\])*")


class Option(BaseModel):
    """What a dealer may get."""

    model_config = STRICT

    option_id: Id
    gain: FiniteFloat = Field(description="What it brings, in the unit of all gains.")
    costs: Annotated[list[Amount], Field(min_length=1, max_length=MOST_BUDGETS)]
    worth: Amount | None = Field(None, description="To the dealer, for floors; the first cost when left out.")


class Choosing(BaseModel):
    """A dealer and its options."""

    model_config = STRICT

    dealer_id: Id
    region: str | None = Field(None, max_length=128)
    group: str | None = Field(None, max_length=128)
    options: Annotated[list[Option], Field(min_length=1, max_length=MOST_OPTIONS)]


class Optimize(BaseModel):
    """Options, or depths for dealers on record, and the limits on all of it."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    budgets: Annotated[list[Amount], Field(min_length=1, max_length=MOST_BUDGETS)]
    dealers: Annotated[list[Choosing], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Options of each dealer; left out: dealers on record, at `depths`."
    )
    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="On record; all with a running programme when left out."
    )
    depths: Depths | None = Field(None, description="On record: top rates to choose from, rising.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        None, description="On record: of the budget; needed where programmes are in several."
    )
    margin_rate: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = Field(
        None, description="On record: margin on purchases before rebates."
    )
    policy_months: Amount | None = Field(
        None, description="On record: months of purchases that may lie in stock; above is stuffing."
    )
    unsold_loss_rate: Annotated[FiniteFloat, Field(ge=0, le=1)] = Field(
        0.0, description="On record: loss on purchases that cannot be sold on."
    )
    region_caps: dict[str, Amount] = Field(
        default_factory=dict, description="Most of the first cost by region (on record: territory)."
    )
    confidence: Annotated[FiniteFloat, Field(ge=0, le=MOST)] | None = Field(
        None,
        description=f"On record: probability that all rebates together keep within the budget, {LEAST:g} to "
        f"{MOST:g}; 0: only what is expected does. Left out: as the room is configured (0.9).",
    )
    least_worth: Amount | None = Field(None, description="Least worth of what each dealer gets.")
    least_group_worth: dict[str, Amount] = Field(
        default_factory=dict, description="Least worth by group (on record: the dealers' tier), in all."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.dealers is None and self.margin_rate is None:
            raise ValueError("either dealers with options, or margin_rate for dealers on record")
        if self.dealers is not None and (self.dealer_ids or self.depths or self.margin_rate):
            raise ValueError("dealers with options go without dealer_ids, depths and margin_rate")
        if self.dealers is not None and self.confidence:
            raise ValueError("a confidence is for dealers on record: the costs of options are taken as given")
        if self.confidence is not None and 0 < self.confidence < LEAST:
            raise ValueError(f"a confidence is 0, or {LEAST:g} to {MOST:g}")
        return self


class Choice(BaseModel):
    """What one dealer gets."""

    dealer_id: str
    option_id: str
    gain: float
    costs: list[float]


class Sure(BaseModel):
    """How sure the budget is, in draws of what all dealers are paid together."""

    confidence: float
    spent_expected: float
    spent_high: float = Field(description="Not passed with the confidence; never above the budget.")
    spent_limit: float = Field(description="Of expected spend: bound and gap are those of plans within it.")
    most_gain: float = Field(description="No plan gains more that keeps the budget only as expected.")


class OptimizeResponse(BaseModel):
    """The plan."""

    model: ModelUsed
    data_version: str
    as_of: str
    targeting: bool = Field(description="False: one option for all is as good; everybody gets it.")
    said: str
    choices: list[Choice] = Field(description="One a dealer, in the order of the request.")
    gain: float
    spent: list[float] = Field(description="Of each budget; never above it.")
    bound: float = Field(description="No plan within these limits gains more.")
    gap: float = Field(description="Between bound and gain, a rate.")
    budget_prices: list[float] = Field(description="What one more unit of each budget would gain.")
    sure: Sure | None = Field(
        description="On record, with a confidence; else null: spends are expected ones."
    )
    best_constant: str | None = Field(description="The best option for all alike; null when none fits.")
    constant_gain: float | None


FIELDS = frozenset(name for shape in (Optimize, Choosing, Option) for name in shape.model_fields)


def optimize(request: Optimize, scores: Scores) -> OptimizeResponse:
    """The best plan within the limits."""
    asked = _given(request) if request.dealers is not None else _recorded(request, scores)
    _refuse_strange(request, asked)
    limits = Limits(
        budgets=request.budgets,
        regions=asked.regions,
        region_caps=request.region_caps,
        least_worth=request.least_worth,
        groups=asked.groups,
        least_group_worth=request.least_group_worth,
    )
    try:
        made = None if asked.chance is None else assured(asked.options, limits, asked.chance)
        plan = optimise(asked.options, limits) if made is None else made.plan
    except (BadOptions, Infeasible) as error:
        raise _refused(error) from None
    told = _plan(plan, asked) | _sure(made, asked.chance)
    return OptimizeResponse(**made_by(scores), **told)


class _Asked:
    """Options of dealers in one shape, whoever worked them out."""

    def __init__(
        self,
        dealer_ids: list[str],
        names: list[list[str]],
        options: Options,
        regions: list[str],
        groups: list[str],
        chance: Chance | None = None,
    ) -> None:
        self.dealer_ids, self.names, self.options = dealer_ids, names, options
        self.regions, self.groups, self.chance = regions, groups, chance


def _given(request: Optimize) -> _Asked:
    """Dealers with fewer options than others have their first one again: that changes no plan."""
    dealers = request.dealers or []
    refuse_twice([one.dealer_id for one in dealers], "dealers[{}].dealer_id", "dealer")
    for i, one in enumerate(dealers):
        refuse_twice([o.option_id for o in one.options], f"dealers[{i}].options[{{}}].option_id", "option")
        for j, option in enumerate(one.options):
            if len(option.costs) != len(request.budgets):
                raise wrong(
                    f"dealers[{i}].options[{j}].costs",
                    f"dealers[{i}].options[{j}].costs: there is one for each budget.",
                )
    k = max(len(one.options) for one in dealers)
    rows = [[*one.options, *one.options[:1] * (k - len(one.options))] for one in dealers]
    costs = np.array([[option.costs for option in row] for row in rows])
    worth = [[o.costs[0] if o.worth is None else o.worth for o in row] for row in rows]
    options = Options(
        gain=[[option.gain for option in row] for row in rows],
        costs=list(np.moveaxis(costs, 2, 0)),
        worth=worth,
    )
    return _Asked(
        [one.dealer_id for one in dealers],
        [[option.option_id for option in row] for row in rows],
        options,
        [one.region or "" for one in dealers],
        [one.group or "" for one in dealers],
    )


def _recorded(request: Optimize, scores: Scores) -> _Asked:
    if len(request.budgets) != 1:
        raise wrong("budgets", "budgets: for dealers on record there is one, of rebates.")
    belief, frame = belief_of(scores), on_record(request.dealer_ids, scores)
    frame = _in_currency(frame, request.currency)
    depths = sorted(set(request.depths)) if request.depths else spread_depths(belief)
    terms = Terms(
        margin_rate=float(request.margin_rate or 0.0),
        policy_months=request.policy_months,
        unsold_loss_rate=request.unsold_loss_rate,
    )
    told = offered_at(frame, belief, depths, terms)
    names = [f"{depth:g}" for depth in depths]
    rows = frame["dealer_id"].astype(str) + "/" + frame["programme_id"].astype(str)
    ids = frame["dealer_id"].astype(str)
    return _Asked(
        (ids if ids.is_unique else rows).tolist(),
        [names] * len(frame),
        Options(gain=told.gain, costs=[told.cost]),
        frame["territory_id"].astype(str).tolist(),
        frame["tier"].astype(str).tolist(),
        _chance(request, frame, scores),
    )


def _chance(request: Optimize, frame: pd.DataFrame, scores: Scores) -> Chance | None:
    """By the joint draws of what programmes pay; None where only what is expected counts."""
    confidence = scores.model.confidence if request.confidence is None else request.confidence
    if not confidence:
        return None
    return Chance(ratio=spend_ratios(frame, scores.frames["spends"]), confidence=confidence)


def _in_currency(frame: pd.DataFrame, currency: str | None) -> pd.DataFrame:
    held = sorted(frame["currency"].astype(str).unique())
    if currency is None and len(held) > 1:
        raise wrong("currency", f"currency: programmes are in {', '.join(held)}; a budget is in one of them.")
    mine = frame if currency is None else frame[frame["currency"].astype(str) == currency]
    if mine.empty:
        raise wrong("currency", f"currency: no running programme in it; found {', '.join(held) or 'none'}.")
    return mine.reset_index(drop=True)


def _plan(plan: Plan, asked: _Asked) -> dict[str, Any]:
    gain = np.asarray(asked.options.gain)
    costs = [np.asarray(cost) for cost in asked.options.costs]
    choices = [
        Choice(
            dealer_id=name,
            option_id=asked.names[i][at],
            gain=float(gain[i, at]),
            costs=[float(cost[i, at]) for cost in costs],
        )
        for i, (name, at) in enumerate(zip(asked.dealer_ids, plan.at, strict=True))
    ]
    constant = _constant(plan.best_constant, asked.names)
    said = (
        "Dealers get different options: that gains more than the best one for all."
        if plan.targeting
        else "No targeting: no plan gains more than one option for all."
    )
    return {
        "targeting": plan.targeting,
        "said": said,
        "choices": choices,
        "gain": plan.gain,
        "spent": plan.spent.tolist(),
        "bound": plan.bound,
        "gap": plan.gap,
        "budget_prices": plan.budget_prices.tolist(),
        "best_constant": constant,
        "constant_gain": plan.constant_gain if constant is not None else None,
    }


def _sure(made: Assured | None, chance: Chance | None) -> dict[str, Any]:
    if made is None or chance is None:
        return {"sure": None}
    sure = Sure(
        confidence=chance.confidence,
        spent_expected=made.spent,
        spent_high=made.spent_high,
        spent_limit=made.limit,
        most_gain=made.most_gain,
    )
    return {"sure": sure, "budget_prices": [made.budget_price]}


def _constant(at: int | None, names: list[list[str]]) -> str | None:
    """The name of the option for all, where all call it the same."""
    if at is None or len({row[at] for row in names}) > 1:
        return None
    return names[0][at]


def _refuse_strange(request: Optimize, asked: _Asked) -> None:
    """Caps and floors of names that no dealer has; told by their place."""
    for field, given, known in (
        ("region_caps", request.region_caps, asked.regions),
        ("least_group_worth", request.least_group_worth, asked.groups),
    ):
        strange = [i for i, name in enumerate(given) if name not in set(known)]
        if strange:
            raise wrong(field, f"{field}: entry {strange[0] + 1} names what no dealer of the plan has.")


def _refused(error: ModelError) -> Wrong:
    """By the field that the message begins with; amounts of the caller are not said again."""
    if isinstance(error, Infeasible):
        found = _FIELD.match(str(error))
        field = (
            found[0]
            if found and found[0] in {"budgets[0]", "region_caps", "least_group_worth"}
            else "budgets"
        )
        said = f"{field}: no plan keeps all budgets, caps and floors together."
        step = "Raise a budget or a cap, lower a floor, or add options that cost less."
        return wrong(field, said, kind="infeasible", next_step=step)
    return wrong("budgets", "The options and limits do not fit each other; see /docs for their shape.")
