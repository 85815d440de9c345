"""Industries: what differs between trades, as data in `configs/industries/`.

A pack holds the numbers that a rule needs and that no data of one client can teach: how many
days of stock are normal, what terms are usual, which licences the law asks for, which clauses a
contract may not lack. A pack changes only what differs from `general`.

Units: days; rates are fractions; weights of health dimensions add up to 1.
Errors: UnknownIndustry, IndustryError (all faults of a pack at once).

>>> industry("pharma").licences[0].kind
'drug_business'
>>> industry("farma")
Traceback (most recent call last):
    ...
features.industries.UnknownIndustry: No industry 'farma'; expected one of ... Did you mean "pharma"?
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.errors import ChannelError, hint

PACKS = Path(__file__).resolve().parents[1] / "configs" / "industries"
Rate = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=0, le=3650)]
DIMENSIONS = ("sales", "stock", "collections", "coverage", "growth")
CLAUSES = (
    *("territory_exclusivity", "diversion_ban", "minimum_purchase", "price_control", "payment_terms"),
    *("credit_guarantee", "rebate_terms", "returns_buyback", "delivery_risk", "quality_warranty"),
    *("ip_brand", "confidentiality", "non_compete", "liability_cap", "liquidated_damages"),
    *("termination_convenience", "termination_breach", "auto_renewal", "assignment", "dispute_law"),
    *("audit_rights", "data_privacy", "force_majeure", "other"),
)


class UnknownIndustry(ChannelError):
    def __init__(self, name: str) -> None:
        packs = sorted(path.stem for path in PACKS.glob("*.yaml"))
        super().__init__(f"No industry {name!r}; expected one of {packs}.{hint(name, packs)}")


class IndustryError(ChannelError):
    def __init__(self, name: str, faults: list[str]) -> None:
        super().__init__(f"Industry {name}:" + "".join(f"\n  {fault}" for fault in faults))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stock(_Part):
    """Days of sales that a dealer should hold."""

    min_days: Days = 15
    target_days: Days = 35
    max_days: Days = 75
    least_shelf_life_rate: Rate = 0.33  # of the shelf life left, or the goods are hard to sell


class Price(_Part):
    """How far a price may stray before somebody should look."""

    floor_tolerance_rate: Rate = 0.02  # below the floor (MAP) by more than this is a breach
    spread_rate: Rate = 0.12  # between regions, of the median price


class Credit(_Part):
    """What is usual between the brand and its dealers."""

    terms_days: Days = 30
    grace_days: Days = 5
    default_days: Days = 90  # overdue by more than this counts as default
    loss_given_default_rate: Rate = 0.6


class Licence(_Part):
    """A licence that a dealer needs by law."""

    kind: str  # as in the table `licences`
    name_zh: str
    warn_days: Days = 60  # before it expires
    dealer_types: tuple[str, ...] = ()  # only these; empty: all
    categories: tuple[str, ...] = ()  # of products that need it; empty: all


class Contract(_Part):
    """Clauses that a dealer contract of this trade may not lack."""

    required_types: tuple[str, ...] = (
        *("payment_terms", "territory_exclusivity", "diversion_ban", "termination_breach"),
        *("dispute_law", "ip_brand", "confidentiality"),
    )

    @model_validator(mode="after")
    def _known_types(self) -> Self:
        if wrong := [name for name in self.required_types if name not in CLAUSES]:
            told = "; ".join(f"{name!r} is no clause type.{hint(name, CLAUSES)}" for name in wrong)
            raise ValueError(told)
        return self


class Tiers(_Part):
    """Dealer tiers from the highest, and the smallest share of the largest dealers' size each asks."""

    names: tuple[str, ...] = ("A", "B", "C", "D")
    levels: Annotated[int, Field(ge=1, le=6)] = 1  # of dealers under dealers: brand > level 1 > level 2 ...
    years: Annotated[float, Field(ge=0)] = 1.0  # with us before the highest tier


class Industry(_Part):
    """One pack."""

    name: str = "general"
    about: str = ""
    stock: Stock = Stock()
    price: Price = Price()
    credit: Credit = Credit()
    contract: Contract = Contract()
    tiers: Tiers = Tiers()
    licences: tuple[Licence, ...] = ()
    health_weights: dict[str, Rate] = Field(
        default_factory=lambda: {
            "sales": 0.3,
            "stock": 0.15,
            "collections": 0.25,
            "coverage": 0.1,
            "growth": 0.2,
        }
    )

    @model_validator(mode="after")
    def _weights_add_up(self) -> Self:
        if set(self.health_weights) != set(DIMENSIONS):
            raise ValueError(f"health_weights: one for each of {', '.join(DIMENSIONS)}")
        if abs(sum(self.health_weights.values()) - 1) > 1e-9:
            raise ValueError(f"health_weights: add up to 1, not {sum(self.health_weights.values()):g}")
        return self


@cache
def industry(name: str = "general") -> Industry:
    """A shipped pack by its name."""
    path = PACKS / f"{name}.yaml"
    if not path.is_file():
        raise UnknownIndustry(name)
    return read(path)


def read(path: Path) -> Industry:
    """A pack from any YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise IndustryError(path.stem, [f"cannot be read as YAML ({type(error).__name__})"]) from None
    return parse(path.stem, content)


def parse(name: str, content: Mapping[str, Any]) -> Industry:
    """A pack from what its YAML says."""
    try:
        return Industry.model_validate({"name": name, **content})
    except ValidationError as error:
        raise IndustryError(name, [_line(fault) for fault in error.errors(include_input=False)]) from None


def _line(fault: Any) -> str:
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{where}: no such key.{hint(str(fault['loc'][-1]), _keys(fault['loc'][:-1]))}"
    return f"{where}: {fault['msg']}".removeprefix(": ").replace("Value error, ", "")


def _keys(place: tuple[str | int, ...]) -> list[str]:
    """The keys that a part of a pack may have."""
    parts: dict[str, type[_Part]] = {"stock": Stock, "price": Price, "credit": Credit, "contract": Contract}
    parts |= {"tiers": Tiers, "licences": Licence}
    return list((parts.get(str(place[0]), Industry) if place else Industry).model_fields)
