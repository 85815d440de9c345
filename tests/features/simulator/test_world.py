import pytest

from features.simulator import ImpossibleWorld, World, sample_world


def test_all_faults_are_told_at_once():
    with pytest.raises(ImpossibleWorld) as caught:
        World(dealers=0, slow_share=2.0, noise_spread=-1.0, uplift_median_rate=-0.1, end="soon", freq="D")  # type: ignore[arg-type]
    for name in (
        "dealers",
        "slow_share",
        "noise_spread",
        "uplift_median_rate",
        "end is a month",
        "freq is M or W",
    ):
        assert name in str(caught.value)


def test_each_noun_has_its_own_luck():
    first, again, other = (World().rng(noun).random(4).tolist() for noun in ("money", "money", "trace"))
    assert first == again
    assert first != other


def test_the_load_world_keeps_no_record_of_single_transactions():
    world = World.load_test()
    assert world.dealers * world.products == 1_000_000
    assert world.scan_coverage_share == world.survey_share == world.outlet_reporting_share == 0


def test_the_sample_world_is_a_channel_of_40_dealers_over_four_years():
    world = sample_world()
    assert (world.dealers, world.products, world.months) == (40, 12, 48)
