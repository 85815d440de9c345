"""Industry packs: complete, different where the trades differ, and strict about mistakes."""

import pytest

from features.industries import CLAUSES, DIMENSIONS, PACKS, IndustryError, UnknownIndustry, industry, parse

NAMES = sorted(path.stem for path in PACKS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_pack_is_read_and_says_what_it_is_for(name):
    pack = industry(name)
    assert pack.name == name
    assert pack.about
    assert pack.stock.min_days < pack.stock.target_days < pack.stock.max_days
    assert set(pack.health_weights) == set(DIMENSIONS)
    assert set(pack.contract.required_types) <= set(CLAUSES) - {"other"}


def test_the_packs_of_the_brief_are_there():
    assert {"fmcg", "pharma", "building_materials", "medical_devices", "manufacturing"} <= set(NAMES)


def test_medicine_asks_for_licences_and_drinks_do_not():
    assert "gsp" in [licence.kind for licence in industry("pharma").licences]
    assert industry("fmcg").licences == ()


def test_fast_goods_are_kept_for_fewer_days_than_tiles():
    assert industry("fmcg").stock.max_days < industry("building_materials").stock.max_days


def test_manufacturing_has_dealers_under_dealers():
    assert industry("manufacturing").tiers.levels == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"stok": {}}, 'Did you mean "stock"'),
        ({"stock": {"max_dais": 3}}, 'Did you mean "max_days"'),
        ({"health_weights": {"sales": 1.0}}, "one for each of"),
        ({"health_weights": dict.fromkeys(DIMENSIONS, 0.3)}, "add up to 1"),
        ({"contract": {"required_types": ["diversion"]}}, 'Did you mean "diversion_ban"'),
        ({"price": {"spread_rate": 12}}, "less than or equal to 1"),
    ],
)
def test_a_mistake_in_a_pack_is_told_with_its_place(content, said):
    with pytest.raises(IndustryError, match=said):
        parse("mine", content)


def test_an_unknown_industry_is_told_with_a_hint():
    with pytest.raises(UnknownIndustry, match='Did you mean "fmcg"'):
        industry("fmgc")
