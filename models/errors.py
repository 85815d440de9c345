"""Everything that can be wrong with a model, as one tree.

* ModelError              catch this one around fit and predict
  + NotFitted             predict was called before fit
  + HorizonTooLong        more steps were asked for than were learned
  + UnknownLevel          a quantile level outside what the model states
"""

from collections.abc import Iterable

from features.errors import ChannelError


class ModelError(ChannelError):
    """Base of every error a model raises on purpose."""


class NotFitted(ModelError):
    def __init__(self, model: object) -> None:
        super().__init__(f"{type(model).__name__} is not fitted yet: call fit(panel) first.")


class HorizonTooLong(ModelError):
    def __init__(self, asked: int, learned: int) -> None:
        super().__init__(f"Asked for {asked} periods ahead; this model was trained for 1 to {learned}.")


class UnknownLevel(ModelError):
    def __init__(self, asked: Iterable[float], lowest: float, highest: float) -> None:
        super().__init__(f"Quantile levels lie between {lowest} and {highest}; got {sorted(asked)}.")
