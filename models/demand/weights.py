"""Weights: what the recurrent network knows before it meets a client's panel.

`qudao pretrain` trains the network on made-up channels (training.pretrain) and writes two
files, which ship with the project:

    gate.npz     the weights, plain arrays by name; loading runs no code
    gate.json    the record: command, seed, steps, code version, exam, what the network reads

Errors: WrongWeights (files absent, or made for a network that reads something else).
Limits: what prices and names of one panel mean is not in them; that panel's own network learns it.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from features.errors import ChannelError
from models.demand.choices import NAMES
from models.demand.forecast import LEVELS
from models.demand.network import GateNetwork, Shape
from models.demand.sequences import AHEAD, PAST

SHIPPED = Path(__file__).parent / "pretrained"
SHAPE = Shape(past=len(PAST), ahead=len(AHEAD), candidates=len(NAMES))
_ARRAYS, _RECORD = "gate.npz", "gate.json"


class WrongWeights(ChannelError):
    """Weights that this version's network cannot take over."""


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a network reads of any panel, and how wide it is inside."""

    hidden: int
    past: tuple[str, ...] = PAST
    ahead: tuple[str, ...] = AHEAD
    candidates: tuple[str, ...] = NAMES
    levels: tuple[float, ...] = LEVELS


@dataclass(frozen=True, kw_only=True)
class Made:
    """How weights were made: enough to make them again."""

    command: str
    seed: int
    steps: int
    code_version: str
    exam_before: float  # loss on channels of another seed, of the network before and after
    exam_after: float
    user_seconds: float


def bare_network(hidden: int, *, dropout: float = 0.0) -> GateNetwork:
    """A network that reads what every panel has, and nothing of one panel's own."""
    return GateNetwork(SHAPE, levels=LEVELS, hidden=hidden, dropout=dropout)


def save(network: GateNetwork, made: Made, folder: Path = SHIPPED) -> None:
    """Write the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.detach().numpy().astype(np.float32) for name, value in network.named_parameters()}
    np.savez(folder / _ARRAYS, **arrays)  # type: ignore[arg-type]
    record = {"made": asdict(made), "reads": asdict(Reads(hidden=network.encoder.hidden_size))}
    (folder / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@cache
def teacher(folder: Path = SHIPPED) -> GateNetwork:
    """The network as it was pretrained, ready to answer for any panel."""
    if not (folder / _ARRAYS).exists() or not (folder / _RECORD).exists():
        raise WrongWeights(f"No weights ({_ARRAYS}, {_RECORD}) in {folder}. Make them: qudao pretrain")
    found = json.loads((folder / _RECORD).read_text(encoding="utf-8"))["reads"]
    expected = json.loads(json.dumps(asdict(Reads(hidden=found.get("hidden")))))
    if wrong := [name for name in expected if found.get(name) != expected[name]]:
        raise WrongWeights(
            f"{folder.name}/{_ARRAYS} is for a network that reads another {', '.join(wrong)}. "
            "Make them anew (qudao pretrain), or train from nothing (lstm: {pretrained: 0})."
        )
    network = bare_network(int(found["hidden"]))
    with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
        network.start_from({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    return network.double().eval()
