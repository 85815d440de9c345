import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clauses import facts
from features.languages import language
from features.parties import BRAND, DEALER, cast, sides


@given(st.text())
def test_facts_are_literal_and_in_order(text):
    found = facts(text)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("九十日内付清", "days", 90.0),
        ("3个月", "days", 90.0),
        ("５万元", "amount", 50_000.0),
        ("人民币1,200,000元", "amount", 1_200_000.0),
        ("百分之三", "rate", 0.03),
        ("千分之五", "rate", 0.005),
        ("USD 2.5 million", "amount", 2_500_000.0),
        ("sixty (60) days", "days", 60.0),
        ("两成", "rate", 0.2),
        ("一百二十天", "days", 120.0),
    ],
)
def test_numbers_are_read_with_their_unit(text, kind, value):
    assert [(f.kind, pytest.approx(f.value)) for f in facts(text)] == [(kind, value)]


@pytest.mark.parametrize(
    ("head", "reversed_"),
    [
        ("甲方:某公司 乙方:某店", False),
        ("甲方(供方) 乙方(需方)", False),
        ("甲方(需方):某店 乙方(供方):某厂", True),
        ("本合同甲方为经销商,乙方为品牌方", True),
        ("Party A (the Distributor) and Party B (the Supplier)", True),
        ("经销商(以下简称甲方)", True),
    ],
)
def test_the_text_says_which_way_round_the_parties_stand(head, reversed_):
    assert sides(head).reversed is reversed_


def test_the_same_duty_reads_alike_whatever_the_parties_are_called():
    names = [("甲方", "乙方"), ("供应商", "经销商"), ("特许人", "加盟商"), ("厂家", "商家"), ("我司", "贵司")]
    assert len({cast(f"{b}应于30日内向{d}供货") for b, d in names}) == 1
    turned = cast("甲方应付款", sides("甲方为经销商"))
    assert (turned[0], cast("甲方应付款")[0]) == (DEALER, BRAND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Товар оплачивается в течение тридцати дней", "other"),
        ("商品は三十日以内にお支払いください", "other"),
        ("Le distributeur paie les marchandises dans un delai de trente jours apres la livraison", "other"),
        ("12345 %%", "other"),
        ("The Distributor pays the Supplier within thirty days of the invoice", "en"),
        ("乙方按Incoterms规定交货", "zh"),
    ],
)
def test_a_language_that_is_not_read_is_told(text, expected):
    assert language(text) == expected
