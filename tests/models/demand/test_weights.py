import json

import numpy as np
import pytest
import torch

from models.demand.forecast import LEVELS
from models.demand.network import GateNetwork, Shape
from models.demand.recurrent import Recurrent
from models.demand.sequences import Reader
from models.demand.weights import SHAPE, SHIPPED, Made, WrongWeights, bare_network, load, save
from training.loop import train

HIDDEN = Recurrent().hidden
MADE = Made(
    command="qudao pretrain",
    seed=0,
    steps=1,
    code_version="0",
    loss_first=2.0,
    loss_last=1.0,
    user_seconds=1.0,
)


def windows_of(panel):
    reader = Reader.of(panel, 3, years_back=2.0)
    return reader, {k: torch.from_numpy(v) for k, v in reader.read(panel)[0].items()}


def test_the_shipped_weights_fit_the_shipped_network():
    state, network = load(HIDDEN), bare_network(HIDDEN)
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in network.named_parameters()}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 5e6
    assert all(torch.isfinite(values).all() for values in state.values())


def test_the_record_says_how_to_make_them_again():
    made = json.loads((SHIPPED / "gate.json").read_text("utf-8"))["made"]
    assert made["command"] == f"qudao pretrain --steps {made['steps']} --seed {made['seed']}"
    assert made["code_version"]
    assert made["loss_last"] < made["loss_first"]


def test_what_is_saved_is_loaded(tmp_path):
    network = bare_network(5)
    save(network, MADE, tmp_path)
    for name, values in load(5, tmp_path).items():
        assert torch.equal(values, dict(network.named_parameters())[name])


def test_weights_of_another_network_are_refused(tmp_path):
    save(bare_network(5), MADE, tmp_path)
    with pytest.raises(WrongWeights, match=r"another hidden \(hidden: found 5, expected 6\).*qudao pretrain"):
        load(6, tmp_path)
    with pytest.raises(WrongWeights, match=r"No weights .* Make them: qudao pretrain"):
        load(5, tmp_path / "nowhere")


def test_what_is_the_panels_own_has_no_say_before_it_is_trained(panel):
    reader, tensors = windows_of(panel)
    bare, wide = bare_network(HIDDEN), GateNetwork(_wide(reader, tensors), levels=LEVELS, hidden=HIDDEN)
    for network in (bare, wide):
        network.start_from(load(HIDDEN))
        network.eval()
    nothing = {name: tensors[name][..., :0] for name in ("past_plans", "ahead_plans", "static")}
    torch.testing.assert_close(wide(tensors), bare(tensors | nothing), rtol=1e-5, atol=1e-6)


def test_training_gives_the_panels_own_a_say(panel):
    short = Recurrent(loop=train, steps=5, batch=32, seeds=1).fit(panel, 3)
    dearer = {k: np.where(np.arange(v.shape[1]) >= panel.t, v * 2, v) for k, v in panel.plans.items()}
    assert short.networks_[0].decoder.weight_ih_l0[:, SHAPE.ahead + SHAPE.candidates :].abs().max() > 0
    assert not np.allclose(short.predict(panel), short.predict(_planned(panel, dearer)))


def _planned(panel, plans):
    from dataclasses import replace

    return replace(panel, plans=plans)


def _wide(reader, tensors):
    return Shape(
        past=SHAPE.past,
        ahead=SHAPE.ahead,
        candidates=SHAPE.candidates,
        past_plans=tensors["past_plans"].shape[2],
        ahead_plans=tensors["ahead_plans"].shape[2],
        names=tuple(len(v) for v in reader.setting.vocabulary.values()),
    )
