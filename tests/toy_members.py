"""Members at toy size that a worker process imports in a moment (no Lightning)."""

import torch

from models.demand.boosted import Boosted
from models.demand.members import Local, Member
from models.demand.recurrent import Recurrent
from models.demand.theta import theta


def toy_members() -> dict[str, Member]:
    """One of each kind: trees, a network, a local method."""
    network = Recurrent(loop=bare_loop, steps=4, batch=32, hidden=8, seeds=1, years_back=1.0)
    trees = Boosted(rounds=12, leaves=4, min_rows=5, learning_rate=0.2)
    return {"boosted": trees, "lstm": network, "theta": Local(theta)}


def bare_loop(network, draw, *, steps, learning_rate):
    """What training.loop does, without its trainer."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        network.loss(draw()).backward()
        optimizer.step()
