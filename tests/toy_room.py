"""The demand room at toy size: few trees, few steps, one process."""

from typing import Any

from training.settings import DemandConfig

TOY: dict[str, Any] = {
    "boosted": {"rounds": 12, "leaves": 4, "min_rows": 5, "learning_rate": 0.2},
    "lstm": {"steps": 4, "batch": 32, "hidden": 8, "seeds": 1, "years_back": 1.0, "pretrained": 0},
    "horizon": {"M": 3, "W": 4},
    "replays": {"M": 2, "W": 1},
    "windows": 2,
    "workers": 1,
}


def toy(**changes: Any) -> DemandConfig:
    """Settings of a room that trains in a second."""
    return DemandConfig.model_validate(TOY | changes)
