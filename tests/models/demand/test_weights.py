import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.demand.choices import NAMES
from models.demand.forecast import LEVELS
from models.demand.network import GateNetwork, Shape, area
from models.demand.recurrent import Recurrent
from models.demand.sequences import OWN, Reader
from models.demand.weights import SHAPE, SHIPPED, Made, WrongWeights, bare_network, save, teacher
from tests.panels import small_channel
from training.loop import train

MADE = Made(
    command="qudao pretrain",
    seed=0,
    steps=1,
    code_version="0",
    exam_before=2.0,
    exam_after=1.0,
    user_seconds=1.0,
)


def tensors_of(panel, **options):
    reader = Reader.of(panel, 3, years_back=2.0, **options)
    return reader, {k: torch.from_numpy(v) for k, v in reader.read(panel)[0].items()}


def test_the_shipped_weights_are_those_of_the_shipped_network():
    with np.load(SHIPPED / "gate.npz", allow_pickle=False) as arrays:
        found = {name: arrays[name].shape for name in arrays.files}
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)
    assert found == {k: tuple(v.shape) for k, v in bare_network(Recurrent().hidden).named_parameters()}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 5e6


def test_the_record_says_how_to_make_them_again():
    made = json.loads((SHIPPED / "gate.json").read_text("utf-8"))["made"]
    assert made["command"] == f"qudao pretrain --steps {made['steps']} --seed {made['seed']}"
    assert made["code_version"]
    assert made["exam_after"] < 0.95 * made["exam_before"]


def test_what_is_saved_is_loaded(tmp_path):
    network = bare_network(5)
    save(network, MADE, tmp_path)
    loaded = dict(teacher(tmp_path).named_parameters())
    for name, values in network.named_parameters():
        assert torch.equal(loaded[name].float(), values)


def test_weights_of_a_network_that_reads_something_else_are_refused(tmp_path):
    save(bare_network(5), MADE, tmp_path)
    record = json.loads((tmp_path / "gate.json").read_text("utf-8"))
    record["reads"]["candidates"] = record["reads"]["candidates"][1:]
    (tmp_path / "gate.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(WrongWeights, match=r"reads another candidates.*qudao pretrain"):
        teacher(tmp_path)
    with pytest.raises(WrongWeights, match=r"No weights .* Make them: qudao pretrain"):
        teacher(tmp_path / "nowhere")


def test_what_is_the_panels_own_has_no_say_before_it_is_trained(panel):
    reader, tensors = tensors_of(panel)
    wide = GateNetwork(_wide(reader, tensors), levels=LEVELS, hidden=teacher().encoder.hidden_size)
    wide.start_from(dict(teacher().named_parameters()))
    nothing = {name: tensors[name][..., :0] for name in OWN}
    expected = teacher()({k: v.double() for k, v in tensors.items() if k not in OWN} | nothing)
    torch.testing.assert_close(wide.eval()(tensors), expected.float(), rtol=1e-4, atol=1e-5)


def test_what_was_learned_before_is_one_more_choice(panel):
    without, with_it = tensors_of(panel)[1], tensors_of(panel, teacher=teacher())[1]
    assert with_it["candidates"].shape[2] == len(NAMES) + 1
    torch.testing.assert_close(with_it["candidates"][..., :-1], without["candidates"], equal_nan=True)
    alone = {k: v[[4]].double() for k, v in without.items() if k not in OWN}
    nothing = {k: without[k][[4]][..., :0] for k in OWN}
    told = area(teacher()(alone | nothing).detach().numpy(), LEVELS)
    np.testing.assert_allclose(with_it["candidates"][[4], :, -1], told, rtol=1e-5)


def test_its_weights_are_the_start_without_plans_where_most_periods_sell():
    smooth = small_channel(3, 2, t=30)
    lumpy = replace(smooth, y=smooth.y * (np.arange(30) % 3 == 0))
    known = dict(teacher().named_parameters())["encoder.weight_hh_l0"]

    def starts_there(panel):
        member = Recurrent(loop=lambda *_, **__: None, seeds=1).fit(panel, 3)
        return torch.allclose(member.networks_[0].encoder.weight_hh_l0, known)

    assert starts_there(smooth.without_plans())
    assert not starts_there(smooth)
    assert not starts_there(lumpy.without_plans())


def test_training_gives_plans_a_say(panel):
    short = Recurrent(loop=train, steps=5, batch=32, seeds=1).fit(panel, 3)
    dearer = {k: np.where(np.arange(v.shape[1]) >= panel.t, v * 2, v) for k, v in panel.plans.items()}
    assert not np.allclose(short.predict(panel), short.predict(replace(panel, plans=dearer)))


def _wide(reader, tensors):
    return Shape(
        past=SHAPE.past,
        ahead=SHAPE.ahead,
        candidates=SHAPE.candidates,
        past_plans=tensors["past_plans"].shape[2],
        ahead_plans=tensors["ahead_plans"].shape[2],
        names=tuple(len(v) for v in reader.setting.vocabulary.values()),
    )
