"""Glyphs: a text in one form of its characters, of the same length, so that offsets stay.

Full-width letters, digits and punctuation become plain ones, traditional characters that are common in
contracts become simplified ones, every blank becomes a space; line ends stay what they are.

Out: a text with `len(plain(text)) == len(text)`; character i of one stands for character i of the other.
Limits: a character that has no single counterpart (ligatures, rare traditional forms) stays as it is.

>>> plain("（１）甲方\\u3000應於３０日內付款，100％")
'(1)甲方 应于30日内付款,100%'
"""

import unicodedata
from collections.abc import Iterator

_PAIRS = (
    "約约條条貨货錢钱額额義义務务責责任任權权應应當当與与為为於于從从後后時时間间內内處处經经銷销區区"
    "獨独專专價价款款結结賬账帳账單单據据證证證证擔担保保質质損损失失償偿賠赔違违罰罚則则終终止止"
    "續续簽签訂订協协議议書书面面雙双方方違违約约滿满將将對对於于其其無无論论並并不不得得轉转讓让"
    "訴诉訟讼爭争決决裁裁機机構构關关聯联係系統统計计畫划產产品品標标誌志樣样圖图檢检驗验測测試试"
    "運运輸输險险倉仓庫库儲储發发開开負负擔担費费稅税收收購购買买賣卖進进退退換换補补貼贴獎奖勵励"
    "還还種种類类別别項项屬属實实際际況况現现狀状態态報报告告審审核核閱阅記记錄录資资訊讯個个人人"
    "隱隐護护衛卫門门店店員员會会員员幣币萬万億亿圓圆歲岁號号碼码電电話话傳传遞递送送達达寄寄郵邮"
    "網网絡络線线業业競竞廠厂鋪铺規规範范圍围準准許许可可認认諾诺聲声明明陳陈述述歸归還还繳缴納纳"
    "總总數数量量點点較较優优劣劣變变動动調调整整漲涨跌跌匯汇率率場场營营戶户團团體体農农藥药醫医療疗"
    "雖虽然然仍仍須须務务必必請请給给予予過过錯错誤误謹谨訴诉師师風风險险災灾戰战亂乱罷罢"
    "製制造造廣广告告設设計计術术創创評评鑑鉴監监督督導导訓训練练習习學学環环節节階阶級级領领"
)
_SIMPLE = {ord(old): new for old, new in zip(_PAIRS[::2], _PAIRS[1::2], strict=True) if old != new}
_LINE_ENDS = {"\n", "\r"}


def _forms() -> Iterator[tuple[int, str]]:
    for code in (*range(0xFF01, 0xFF5F), *range(0x2F00, 0x2FD6), 0xFFE5):
        if len(form := unicodedata.normalize("NFKC", chr(code))) == 1:
            yield code, form.translate(_SIMPLE)
    for code in range(0x3001):
        if chr(code).isspace() and chr(code) not in _LINE_ENDS and chr(code) not in "\v\f\x85\u2028\u2029":
            yield code, " "


_TABLE = _SIMPLE | dict(_forms()) | {ord(c): "\n" for c in "\v\f\x85\u2028\u2029"} | {0: " ", 0xFEFF: " "}


def plain(text: str) -> str:
    """The same text in one form, character for character."""
    return text.translate(_TABLE)
