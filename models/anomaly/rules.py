"""Rules: the policy numbers of the anomaly room, read from configs/anomaly.yaml.

Rates are fractions, amounts in the currency of the channel, days and minutes as named. None of them
is learned: a business sets them.

>>> Rules().levels[0].name, Rules().minutes["diversion"]
('critical', 90)
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Rate = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
TYPES = ("stock", "price", "diversion", "default", "contract", "order")
LEVELS = ("info", "watch", "warning", "critical")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(_Part):
    """An alert reaches a level with at least this expected loss and this probability."""

    name: str
    loss_amount: Amount
    probability: Rate


class Losses(_Part):
    """What a true anomaly costs, as a share of the goods or sales concerned."""

    excess_rate: Rate = 0.10  # of the goods above the upper bound: capital, write-downs
    dead_rate: Rate = 0.30  # of goods that nobody buys
    short_rate: Rate = 0.25  # margin on sales that are lost
    stuffing_rate: Rate = 0.10  # of the sales pulled forward: returns, rebates paid early
    erosion_rate: Rate = 0.50  # of the price difference, on all that the dealer sold meanwhile
    diversion_rate: Rate = 0.20  # of the goods diverted
    contract_rate: Rate = 0.02  # of a year's purchases, for a clause of high risk
    order_rate: Rate = 0.10  # of the amount of an unusual order


class Rules(_Part):
    """Every policy number of the room."""

    losses: Losses = Losses()
    levels: tuple[Level, ...] = (
        Level(name="critical", loss_amount=20_000, probability=0.6),
        Level(name="warning", loss_amount=5_000, probability=0.4),
        Level(name="watch", loss_amount=1_000, probability=0.2),
    )
    least_probability: dict[str, Rate] = Field(  # below it no alert is raised
        default_factory=lambda: {
            "stock": 0.5,
            "price": 0.3,
            "diversion": 0.2,
            "default": 0.2,
            "contract": 0.5,
            "order": 0.3,
        }
    )
    least_loss_amount: Amount = 50.0  # expected; below it no alert is raised
    minutes: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default_factory=lambda: {
            "stock": 20,
            "price": 30,
            "diversion": 90,
            "default": 45,
            "contract": 30,
            "order": 10,
        }
    )
    analyst_hours: Annotated[float, Field(ge=0)] = 20.0  # in one scoring period
    recent_months: Annotated[int, Field(ge=1, le=24)] = 3  # an episode that ended earlier is no alert
    reopen_rate: Annotated[float, Field(ge=0)] = 0.5  # new loss after a dismissal, of the loss before it
    review_score: Rate = 0.6  # an order at or above waits for a look
    hold_score: Rate = 0.85

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, given in (("least_probability", self.least_probability), ("minutes", self.minutes)):
            if set(given) != set(TYPES):
                raise ValueError(f"{name}: one number for each of {', '.join(TYPES)}")
        names = [level.name for level in self.levels]
        if names != [one for one in reversed(LEVELS[1:]) if one in names] or not names:
            raise ValueError("levels: from critical over warning to watch; info is what is left")
        if self.review_score > self.hold_score:
            raise ValueError("review_score: at most hold_score")
        return self
