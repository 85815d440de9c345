import numpy as np
import pytest

from models.demand.stack import Stack
from models.errors import NotFitted
from tests.oracles import error_weights as oracle

NAMES = ("a", "b", "c")


def _rows(seed, n=400, mix=(0.6, 0.3, 0.1)):
    """Members that err on their own, and truths near a mixture of them."""
    rng = np.random.default_rng(seed)
    members = rng.lognormal(4, 1, (n, 1)) * rng.gamma(9, 1 / 9, (n, 3))
    return members, members @ np.array(mix) * rng.gamma(100, 0.01, n)


def _same(n, name="A smooth"):
    return np.full(n, name, dtype=object)


def _records(n, windows=4):
    """Periods on record at the cutoff of each row."""
    return 48 + np.arange(n) % windows


def _fitted(members, y, segment, *, windows=1, **options):
    names = NAMES[: members.shape[1]]
    return Stack(names=names, **options).fit(members, y, segment, record=_records(len(y), windows))


def _noisy(seed, errors, n=400):
    """Members that miss the same truths by so much."""
    rng = np.random.default_rng(seed)
    y = rng.lognormal(4, 1, n)
    return y[:, None] * (1 + rng.normal(0, errors, (n, len(errors)))), y


@pytest.mark.parametrize("errors", [(0.1, 0.1, 0.1), (0.1, 0.12, 0.3), (0.2, 0.21, 0.22)])
def test_weights_are_those_of_plain_loops(errors):
    members, y = _noisy(0, errors)
    expected = oracle.shares(members.T.tolist(), y.tolist())
    np.testing.assert_allclose(_fitted(members, y, _same(400)).table().loc["all"], expected, atol=1e-3)


def test_the_better_a_member_was_the_more_it_says_and_a_poor_one_is_not_heard():
    members, y = _noisy(1, (0.1, 0.105, 0.2), 4000)
    best, near, poor = _fitted(members, y, _same(4000)).table().loc["all"]
    assert best > near > 0.2
    assert poor < 0.001


def test_what_members_did_with_a_short_history_counts_little():
    (early, y_early), (late, y_late) = _noisy(5, (0.3, 0.1), 2000), _noisy(6, (0.1, 0.15), 2000)
    record = np.repeat([24, 60], 2000)
    stack = Stack(names=("a", "b"))
    table = stack.fit(np.vstack([early, late]), np.hstack([y_early, y_late]), _same(4000), record=record)
    assert table.table().loc["all", "a"] > 0.9
    alone = _fitted(late, y_late, _same(2000)).table().loc["all", "a"]
    assert table.table().loc["all", "a"] < alone


def test_of_several_members_that_look_at_one_series_alone_each_has_half_a_voice():
    members, y = _noisy(7, (0.1, 0.1, 0.1), 400)
    members[:, 1], members[:, 2] = 2 * y - members[:, 0], members[:, 0]  # all err as much
    for names, shares in (("boosted", "ets", "theta"), [0.5, 0.25, 0.25]), (("boosted", "ets"), [0.5, 0.5]):
        stack = Stack(names=names).fit(members[:, : len(names)], y, _same(400), record=_records(400))
        np.testing.assert_allclose(stack.table().loc["all"], shares, atol=1e-6)


def test_few_truths_or_one_giant_prove_little():
    members, y = _noisy(4, (0.1, 0.12), 4000)
    many = _fitted(members, y, _same(4000)).table().loc["all"].max()
    few = _fitted(members[:40], y[:40], _same(40)).table().loc["all"].max()
    members[0], y[0] = members[0] * 1e5, y[0] * 1e5
    giant = _fitted(members, y, _same(4000)).table().loc["all"].max()
    assert many > 0.8
    assert max(few, giant) < 0.65


def test_a_member_without_any_error_is_the_blend():
    members, y = _noisy(2, (0.1, 0.1, 0.1))
    members[:, 1] = y
    np.testing.assert_allclose(_fitted(members, y, _same(400)).combine(members, _same(400)), y)


def test_weights_are_shares():
    members, y = _rows(3)
    segment = np.where(np.arange(400) % 3, "A smooth", "B lumpy").astype(object)
    table = _fitted(members, y, segment).table()
    assert table.index.tolist() == ["all", "A smooth", "B lumpy"]
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert (table >= 0).all(axis=None)


def test_a_large_segment_has_its_own_weights_and_a_small_one_those_of_all():
    (most, y_most), (own, y_own) = _rows(0, 3000, (1, 0, 0)), _rows(1, 3000, (0, 0, 1))
    members, y = np.vstack([most, own, own[:5]]), np.hstack([y_most, y_own, y_own[:5]])
    segment = np.hstack([_same(3000), _same(3000, "B"), _same(5, "C")])
    table = _fitted(members, y, segment, pull_rows=1000.0).table()
    assert table.loc["A smooth", "a"] > 0.7
    assert table.loc["B", "c"] > 0.7
    np.testing.assert_allclose(table.loc["C"], table.loc["all"], atol=0.01)


def test_a_silent_member_hands_its_weight_to_the_others():
    members, y = _rows(4)
    stack = _fitted(members, y, _same(400))
    weights, factor = stack.weights_["A smooth"], stack.factors_["A smooth"]
    asked = np.array([[10.0, np.nan, 30.0], [np.nan, 20.0, np.nan], [np.nan] * 3])
    left = (weights[0] * 10 + weights[2] * 30) / (weights[0] + weights[2])
    np.testing.assert_allclose(stack.combine(asked, _same(3)), [factor * left, factor * 20, np.nan])


def test_silent_members_and_unknown_truths_are_no_obstacle_to_learning():
    members, y = _rows(5)
    clear = _fitted(members, y, _same(400)).table()
    members[::40], y[1::40] = np.nan, np.nan
    members[2::40, 1] = np.nan
    np.testing.assert_allclose(_fitted(members, y, _same(400)).table(), clear, atol=0.05)


def test_a_bias_that_stays_is_taken_out():
    members, y = _rows(7, 5000)
    biased = _fitted(members, 1.2 * y, _same(5000), windows=4)
    assert biased.strength_ == 1.0
    assert biased.combine(members, _same(5000)).sum() == pytest.approx(1.2 * y.sum(), rel=0.01)


def test_a_bias_that_comes_and_goes_is_left_alone():
    members, y = _rows(8, 4000)
    swing = np.array([1.25, 0.8, 1.0, 1.0])[np.arange(4000) % 4]
    assert _fitted(members, swing * y, _same(4000), windows=4).factors_ == {"all": 1.0, "A smooth": 1.0}


def test_two_windows_cannot_tell_a_bias_from_a_season():
    members, y = _rows(9)
    assert _fitted(members, 1.2 * y, _same(400), windows=2).strength_ == 0.0


@pytest.mark.parametrize(("sold", "factor"), [(0.0, 1.0), (1e9, 1.25), (1.0, 0.75)])
def test_the_factor_stays_within_a_quarter(sold, factor):
    members = np.full((60, 2), 100.0)
    stack = _fitted(members, np.full(60, sold), _same(60), windows=4)
    assert stack.factors_["A smooth"] == pytest.approx(factor)


def test_a_cube_is_combined_like_its_rows():
    members, y = _rows(6)
    stack = _fitted(members, y, _same(400, "B"))
    cube, segment = members.reshape(100, 4, 3), np.array(["B", "unseen"] * 50, dtype=object)
    by_row = stack.combine(members, np.repeat(segment, 4))
    np.testing.assert_allclose(stack.combine(cube, segment), by_row.reshape(100, 4))


def test_an_unfitted_stack_says_so():
    with pytest.raises(NotFitted, match="Stack is not fitted yet"):
        Stack(names=NAMES).combine(np.ones((1, 3)), _same(1))


def test_lumpy_series_weigh_members_by_the_sum_of_the_horizon():
    rng = np.random.default_rng(0)
    y = np.where(rng.random((4000, 3)) < 0.25, rng.gamma(4, 1, (4000, 3)), 0.0)
    nothing, usual = np.zeros_like(y), np.full_like(y, y.mean())
    members = np.stack([nothing, usual], axis=2)
    for name, least, most in (("C smooth", 0.0, 0.1), ("C lumpy", 0.9, 1.0)):
        stack = Stack(names=("nothing", "usual")).fit(members, y, _same(4000, name), record=_records(4000))
        assert least <= stack.table().loc[name, "usual"] <= most


def test_a_member_that_is_right_in_sum_and_wrong_in_time_serves_a_lumpy_series():
    rng = np.random.default_rng(1)
    y = np.where(rng.random((2000, 3)) < 0.3, rng.gamma(4, 1, (2000, 3)), 0.0)
    late, vague = np.roll(y, 1, axis=1), np.full_like(y, y.mean())
    members = np.stack([late, vague], axis=2)
    stack = Stack(names=("late", "vague")).fit(members, y, _same(2000, "C lumpy"), record=_records(2000))
    assert stack.table().loc["C lumpy", "late"] > 0.9


def test_an_unknown_period_is_left_out_of_a_sum():
    rng = np.random.default_rng(2)
    y = rng.gamma(2, 1, (600, 3))
    members, segment = y[..., None] * rng.gamma(9, 1 / 9, (600, 3, 3)), _same(600, "B lumpy")
    y[:, 2] = np.nan
    seen = Stack(names=NAMES).fit(members, y, segment, record=_records(600)).table()
    two = Stack(names=NAMES).fit(members[:, :2], y[:, :2], segment, record=_records(600)).table()
    np.testing.assert_allclose(seen, two)
