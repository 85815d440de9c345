"""Parties: who in a contract is the brand and who the dealer, and the text with both called by one name.

Contracts name the parties in dozens of ways. `sides` reads which way round 甲方 and 乙方 (Party A, Party B)
stand:
甲方 is the brand unless the text says that it is the dealer. `cast` writes every name of the brand as `BRAND`
and every name of the dealer as `DEALER`, numbers as `#` and blanks to fill in as `_`, so that a learner
sees who
owes what whatever the wording; its offsets are its own.

Limits: 公司 alone is the brand, unless the text speaks of 本公司 and promises to 贵司 (a dealer's letter).

>>> sides("甲方(经销商):某商贸 乙方(供方):某食品").reversed
True
>>> cast("供应商应于30日内供货,经销商不得窜货")
'Ａ应于#日内供货,Ｄ不得窜货'
>>> cast("The Supplier shall credit 3% to the Distributor.")
'the Ａ shall credit #% to the Ｄ.'
"""

import re
from dataclasses import dataclass

from features.glyphs import plain

BRAND, DEALER = "Ａ", "Ｄ"  # full-width, so that no plain text holds them

_ZH_BRAND = (
    "供货方|供应方|供应商|供方|厂方|厂家|厂商|厂里|生产商|生产方|生产企业|制造商|制造方|授权方|授权人|许可方|特许人|特许方|特许商|品牌方|品牌商|品牌公司"
    "|委托方|委托人|出卖人|出卖方|卖方|销售方|总部|总公司|总代理商|我公司|我司|我厂|我方|本公司|本司|本厂|平台方|原厂|上游|许可人|公司"
)
_ZH_DEALER = (
    "被授权方|被授权人|被许可方|被许可人|被特许人|被特许方|受许人|受许方|加盟商|加盟方|加盟店|加盟者|加盟主|经销商|经销方|分销商|分销方|代理商|代理方|代理人|商家"
    "|需方|采购方|购货方|进货方|买受人|买受方|买方|受托方|受托人|贵公司|贵司|贵方|贵店|贵处|你公司|你司|你方|你家|你店|您|承销商|零售商|客商|门店|店家|店方|店铺运营方|运营方"
)
_EN_BRAND = (
    r"company|supplier|manufacturer|principal|licensor|franchisor|vendor|seller|producer|brand "
    r"owner|brand|grantor"
    r"|we|us|our|ours|head office|headquarters"
)
_EN_DEALER = (
    r"distributors?|dealers?|resellers?|franchisees?|licensees?|agents?|buyer|purchaser|retailer|wholesaler|stockist|grantee"
    r"|sub-distributor|you|your|yours"
)
_JIA = re.compile(r"甲\s?方|party a\b", re.IGNORECASE)
_YI = re.compile(r"乙\s?方|party b\b", re.IGNORECASE)
_IS = r"\s*[(\[,:、]?\s*(?:即|为|是|以下(?:简)?称(?:为)?|也就是|\(|\bis\b|\bmeans\b|the|\")*\s*[\"“']?\s*"
_A_IS_DEALER = re.compile(rf"(?:甲\s?方|party a\b){_IS}(?:{_ZH_DEALER}|{_EN_DEALER})(?![\w])", re.IGNORECASE)
_B_IS_BRAND = re.compile(
    rf"(?:乙\s?方|party b\b){_IS}(?:{_ZH_BRAND[: _ZH_BRAND.rindex('|')]}|supplier|manufacturer"
    rf"|brand owner|principal)(?!\w)",
    re.IGNORECASE,
)
_DEALER_IS_A = re.compile(rf"(?:{_ZH_DEALER})\s*[(\[]\s*(?:以下简?称)?[\"“]?甲方", re.IGNORECASE)
_BRAND_IS_B = re.compile(
    rf"(?:{_ZH_BRAND[: _ZH_BRAND.rindex('|')]})\s*[(\[]\s*(?:以下简?称)?[\"“]?乙方", re.IGNORECASE
)
_LETTER_OF_DEALER = re.compile(
    r"(?:向|对|致|给|由|经|按)\s?(?:贵司|贵公司|贵方|贵厂).{0,8}(?:支付|付款|缴|订|采购|提货|承诺|保证|申请|赔|报送|书面同意|授权|要求)"
    r"|(?:我司|我公司|我店|本公司|本司|本店).{0,12}(?:承诺|保证).{0,40}贵"
)
_LETTER_OF_BRAND = re.compile(r"(?:授权|委任|同意|给予|奖励|要求|通知)\s?(?:贵司|贵公司|贵方|贵店|你司|你方)")
_OWN = re.compile(r"我公司|我司|我店|我方|本公司|本司|本店")
_YOURS = re.compile(r"贵公司|贵司|贵方|贵厂")
_THIRD = re.compile(
    r"其他经销商|其它经销商|下级经销商|二级经销商|二级分销商|其他代理商|另行?指定|第三方公司|物流公司|快递公司|保险公司|关联公司|子公司|母公司|分公司|担保公司|公司法|公司章程"
)
_NAMES = re.compile(
    rf"(?P<a>甲\s?方|party a\b)|(?P<b>乙\s?方|party b\b)|(?P<third>{_THIRD.pattern})"
    rf"|(?P<dealer>{_ZH_DEALER}|\b(?:{_EN_DEALER})\b)|(?P<brand>{_ZH_BRAND}|\b(?:{_EN_BRAND})\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_BLANK = re.compile(r"_+|\[\s*_*\s*\]|【\s*】")


@dataclass(frozen=True)
class Sides:
    """Which way round the parties stand; `reversed` when 甲方 is the dealer, `letter` when the "
    "dealer speaks."""

    reversed: bool = False
    letter: bool = False


def sides(text: str) -> Sides:
    """How a contract names its parties."""
    same = plain(text)
    turned = any(p.search(same) for p in (_A_IS_DEALER, _B_IS_BRAND, _DEALER_IS_A, _BRAND_IS_B))
    letter = bool(_LETTER_OF_DEALER.search(same)) and not _LETTER_OF_BRAND.search(same)
    return Sides(turned, letter and bool(_OWN.search(same)))


def cast(text: str, who: Sides | None = None) -> str:
    """The text in lower case with the parties, numbers and blanks each under one name."""
    same = plain(text).lower()
    stand = who or sides(same)
    named = _NAMES.sub(lambda found: _side(found, stand), same)
    return _BLANK.sub("_", _NUMBER.sub("#", named))


def _side(found: "re.Match[str]", who: Sides) -> str:
    if found["third"]:
        return found[0]
    if found["a"]:
        return DEALER if who.reversed else BRAND
    if found["b"]:
        return BRAND if who.reversed else DEALER
    if who.letter and (_OWN.match(found[0]) or _YOURS.match(found[0])):
        return DEALER if _OWN.match(found[0]) else BRAND
    return DEALER if found["dealer"] else BRAND
