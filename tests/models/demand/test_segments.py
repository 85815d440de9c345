import numpy as np
import pytest

from models.demand.segments import Segments
from models.errors import NotFitted
from tests.oracles import blocks as oracle


@pytest.fixture(scope="module")
def y():
    rng = np.random.default_rng(0)
    units = rng.lognormal(3, 1.5, (80, 1)) * rng.gamma(9, 1 / 9, (80, 30))
    units[::3] *= rng.random((27, 30)) < 0.7
    units[7] = np.nan
    return units


def test_classes_are_the_largest_series_up_to_their_share_of_units(y):
    sizes = [oracle.level(list(row), 12) for row in y]
    names = Segments().fit(y, 12).names(y, 12)
    for size, name in zip(sizes, names, strict=True):
        larger = sum(other for other in sizes if other > size) / sum(sizes)
        assert name[0] == ("A" if larger < 0.80 else "B" if larger < 0.95 else "C")


def test_lumpy_is_more_than_a_tenth_of_the_year_without_a_sale(y):
    names = Segments().fit(y, 12).names(y, 12)
    by_hand = [oracle.zero_rate(list(row), 12) > 0.1 for row in y]
    assert [name.endswith("lumpy") for name in names] == by_hand


def test_a_series_is_classed_alike_whoever_is_asked_about_with_it(y):
    fitted = Segments().fit(y, 12)
    assert [fitted.names(y[[i]], 12)[0] for i in range(20)] == fitted.names(y, 12)[:20].tolist()


@pytest.mark.parametrize("odd", [np.zeros((3, 12)), np.full((3, 12), np.nan), np.ones((1, 1))])
def test_a_channel_that_is_all_alike_has_one_class(odd):
    assert {name[0] for name in Segments().fit(odd, 12).names(odd, 12)} == {"A"}


def test_unfitted_bounds_say_so(y):
    with pytest.raises(NotFitted):
        Segments().names(y, 12)
