import numpy as np
import pytest
import torch

from models.demand.weights import bare_network, teacher
from training.pretrain import KINDS, Course, School, pretrain, ship, windows

TINY = Course(steps=12, batch=64, hidden=8, learning_rate=0.02, years_back=1.0)


@pytest.fixture(scope="module")
def taught():
    return pretrain(TINY)


def exam(network, seed=99):
    """Loss on windows of channels made with another seed."""
    school = School(course=Course(batch=400, hidden=8, years_back=1.0, seed=seed))
    with torch.inference_mode():
        return float(np.mean([network.eval().loss(school()) for _ in range(3)]))


def test_a_short_pretraining_lowers_the_loss_on_channels_not_seen(taught):
    torch.manual_seed(TINY.seed)
    assert exam(taught[0]) < 0.98 * exam(bare_network(TINY.hidden))


def test_the_same_seed_makes_the_same_weights(taught):
    again, losses = pretrain(TINY)
    assert losses == taught[1]
    for one, two in zip(taught[0].parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_what_is_shipped_can_be_loaded(tmp_path):
    made = ship(TINY, tmp_path)
    assert teacher(tmp_path).encoder.hidden_size == TINY.hidden
    assert made.command == "qudao pretrain --steps 12 --seed 0"


def test_the_shipped_weights_know_channels_they_have_never_seen():
    rng = np.random.default_rng(4711)
    for kind in (KINDS[0], KINDS[2]):
        parts = [part for _ in range(6) for part in windows(rng, kind, 2.0)]
        errors = [_errors(part) for part in parts]
        ours, last, mean = np.concatenate(errors).mean(axis=0)
        assert ours < 0.95 * min(last, mean)


def _errors(part):
    """Mean absolute errors of each window over its level: the network's middle, last value, year's mean."""
    n, ahead = part["y"].shape
    own = {"past_plans": torch.zeros(n, part["past"].shape[1], 0), "ahead_plans": torch.zeros(n, ahead, 0)}
    batch = {k: torch.from_numpy(v).double() for k, v in part.items()} | own
    with torch.inference_mode():
        middle = teacher()(batch | {"static": torch.zeros(n, 0, dtype=torch.long)})[:, :, 3].numpy()
    said = np.stack([middle, part["candidates"][:, :, 0], part["candidates"][:, :, 3]])
    errors = np.nanmean(np.abs(said - part["y"]), axis=2).T
    return errors[np.isfinite(errors).all(axis=1)]
