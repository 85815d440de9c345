import numpy as np
import pytest
import torch

from models.demand.weights import teacher
from training.pretrain import KINDS, Course, School, exam, pretrain, ship, untaught, windows

TINY = Course(steps=2, batch=16, hidden=4, years_back=1.0, seed=3)
SHORT = Course(steps=80, batch=64, hidden=8, learning_rate=0.01, years_back=1.0)


def test_a_short_pretraining_lowers_the_loss_on_channels_not_seen():
    assert exam(pretrain(SHORT), SHORT) < 0.98 * exam(untaught(SHORT), SHORT)


def test_the_same_seed_makes_the_same_weights():
    one, two = pretrain(TINY), pretrain(TINY)
    for values, again in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(values, again)


def test_what_is_shipped_can_be_loaded(tmp_path):
    made = ship(TINY, tmp_path)
    assert teacher(tmp_path).encoder.hidden_size == 4
    assert made.command == "qudao pretrain --steps 2 --seed 3"


def test_months_and_weeks_take_turns_and_are_drawn_with_the_answer():
    school = School(course=Course(batch=8, years_back=1.0))
    batches = [school() for _ in range(12)]
    assert {batch["y"].shape[1] for batch in batches} >= {3, 13}
    assert all(torch.isfinite(batch["past"]).all() and len(batch["y"]) == 8 for batch in batches)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]], ids=["months", "weeks"])
def test_the_shipped_weights_know_channels_they_have_never_seen(kind):
    rng = np.random.default_rng(4711)
    errors = [_errors(part) for _ in range(6) for part in windows(rng, kind, 2.0)]
    ours, last, mean = np.concatenate(errors).mean(axis=0)
    assert ours < 0.95 * min(last, mean)


def _errors(part):
    """Mean absolute errors of each window over its level: the network's middle, last value, year's mean."""
    n, ahead = part["y"].shape
    own = {"past_plans": torch.zeros(n, part["past"].shape[1], 0), "ahead_plans": torch.zeros(n, ahead, 0)}
    batch = {k: torch.from_numpy(v).double() for k, v in part.items()} | own
    with torch.no_grad():
        middle = teacher()(batch | {"static": torch.zeros(n, 0, dtype=torch.long)})[:, :, 3].numpy()
    said = np.stack([middle, part["candidates"][:, :, 0], part["candidates"][:, :, 3]])
    errors = np.nanmean(np.abs(said - part["y"]), axis=2).T
    return errors[np.isfinite(errors).all(axis=1)]
