"""Clauses: wordings of a dealer contract, with the risk that the brand runs by each.

`CLAUSES[language][clause_type]` is a list of (risk, wording); risk is low, medium or high,
always seen from the brand (甲方, "the Company"). A wording may hold slots: {days}, {rate},
{amount}, {area}, {months}, {place}.

>>> sorted(CLAUSES), CLAUSES["zh"].keys() == CLAUSES["en"].keys() == TITLES["zh"].keys()
(['en', 'zh'], True)
"""

Wordings = list[tuple[str, str]]

TITLES: dict[str, dict[str, str]] = {
    "zh": {
        "territory_exclusivity": "经销区域",
        "diversion_ban": "跨区销售",
        "minimum_purchase": "销售任务",
        "price_control": "价格",
        "payment_terms": "货款结算",
        "credit_guarantee": "信用与保证金",
        "rebate_terms": "返利",
        "returns_buyback": "退换货",
        "delivery_risk": "交货",
        "audit_rights": "核查",
        "confidentiality": "保密",
        "non_compete": "竞品",
        "liability_cap": "责任限制",
        "termination_breach": "违约解除",
        "auto_renewal": "期限与续约",
        "dispute_law": "争议解决",
    },
    "en": {
        "territory_exclusivity": "Territory",
        "diversion_ban": "Sales outside the Territory",
        "minimum_purchase": "Targets",
        "price_control": "Prices",
        "payment_terms": "Payment",
        "credit_guarantee": "Credit and deposit",
        "rebate_terms": "Rebates",
        "returns_buyback": "Returns",
        "delivery_risk": "Delivery",
        "audit_rights": "Inspection",
        "confidentiality": "Confidentiality",
        "non_compete": "Competing goods",
        "liability_cap": "Limitation of liability",
        "termination_breach": "Termination for breach",
        "auto_renewal": "Term",
        "dispute_law": "Law and disputes",
    },
}

_ZH: dict[str, Wordings] = {
    "territory_exclusivity": [
        ("low", "甲方授权乙方在{area}经销产品,该授权为非独家授权,甲方可在同一区域另行指定经销商。"),
        ("medium", "乙方为{area}的独家经销商,但商超、电商及团购渠道由甲方保留。"),
        ("high", "乙方在{area}享有独家经销权,合同期内甲方及其关联方均不得在该区域直接或间接销售产品。"),
    ],
    "diversion_ban": [
        ("low", "乙方不得跨区销售。首次窜货按涉案货值{rate}%扣罚,再次窜货甲方有权取消当季返利并解除合同。"),
        ("medium", "乙方应尽量在授权区域内销售产品,避免影响其他经销商。"),
        ("high", "乙方可自行决定销售去向,甲方不因产品流出{area}而追究乙方责任。"),
    ],
    "minimum_purchase": [
        ("low", "乙方全年进货额不得低于{amount}元;连续两个季度未达标的,甲方有权调整区域或取消经销资格。"),
        ("medium", "双方商定年度目标为{amount}元,作为合作参考。"),
        ("high", "乙方无最低进货义务;甲方应保证每月足额供货,否则按缺货金额的{rate}%补偿乙方。"),
    ],
    "price_control": [
        ("low", "甲方可根据市场情况调整供货价,提前{days}日书面通知乙方;零售价由乙方自主决定。"),
        ("medium", "甲方公布建议零售价,乙方原则上不低于建议价的九成销售。"),
        ("high", "乙方转售价格不得低于甲方规定的最低价,违者每次罚款{amount}元并立即停止供货。"),
        ("high", "合同期内供货价固定不变;甲方给予其他经销商更低价格的,乙方自动适用该价格。"),
    ],
    "payment_terms": [
        ("low", "乙方先付款后提货,款到后甲方安排发运。"),
        ("low", "货款按月结算,乙方应于收到发票后30日内付清。"),
        ("medium", "乙方应在开票之日起90日内以银行承兑汇票支付货款。"),
        ("high", "乙方于货物售出后与甲方结算,具体付款时间由双方另行协商。"),
    ],
    "credit_guarantee": [
        ("low", "乙方签约时向甲方缴纳保证金{amount}元,信用额度不超过保证金的两倍。"),
        ("medium", "甲方可视合作情况给予乙方一定信用额度。"),
        ("high", "乙方无需缴纳保证金,甲方给予{amount}元信用额度,且不要求任何担保。"),
    ],
    "rebate_terms": [
        ("low", "乙方年度任务完成率达到100%且无违约行为的,甲方按实际回款额的{rate}%以货物形式返利。"),
        ("medium", "甲方按季度给予乙方返利,具体政策以当期通知为准。"),
        ("high", "无论任务完成情况如何,甲方均于次月以现金支付进货额{rate}%的返利。"),
    ],
    "returns_buyback": [
        ("low", "除质量问题外,产品一经售出概不退换。"),
        ("medium", "乙方可在收货后{days}日内申请调换滞销产品,数量不超过当批的一成。"),
        ("high", "合同终止时甲方应按原价回购乙方全部库存,并承担运费。"),
    ],
    "delivery_risk": [
        ("low", "货物在甲方仓库交付承运人后,毁损灭失的风险由乙方承担。"),
        ("medium", "甲方负责运输至乙方仓库,运费由双方各承担一半。"),
        ("high", "甲方逾期交货的,每日按未交货款的百分之一扣减,不设上限;所有权于乙方付清前即转移给乙方。"),
    ],
    "audit_rights": [
        ("low", "甲方有权随时盘点乙方库存并查阅进销存记录,乙方每月5日前报送数据。"),
        ("medium", "甲方需核查库存的,应提前{days}日通知并征得乙方同意。"),
        ("high", "乙方的账目及库存属其商业秘密,甲方不得查阅。"),
    ],
    "confidentiality": [
        ("low", "乙方应对甲方的价格政策和客户资料保密,合同终止后{months}个月内仍然有效。"),
        ("medium", "双方应对合作中知悉的对方信息保密。"),
        ("high", "任何一方可自由披露本合同内容,无须取得对方同意。"),
    ],
    "non_compete": [
        ("low", "合同期内乙方不得经营与甲方产品同类的竞争品牌。"),
        ("medium", "乙方经营竞品的,应事先告知甲方。"),
        ("high", "乙方可自由经营任何品牌;甲方不得在{area}推出与乙方自有品牌竞争的产品。"),
    ],
    "liability_cap": [
        ("low", "甲方的累计赔偿责任以乙方最近十二个月实际支付的货款为限,且不包括间接损失。"),
        ("medium", "双方的赔偿责任均以合同年度总额的{rate}%为限。"),
        ("high", "甲方应赔偿乙方因本合同产生的一切直接和间接损失,赔偿金额不设上限。"),
    ],
    "termination_breach": [
        ("low", "乙方逾期付款超过{days}日或发生严重违约的,甲方可书面通知立即解除合同。"),
        ("medium", "一方违约,经催告后在合理期限内仍未改正的,另一方可以解除合同。"),
        ("high", "除非法院判决认定乙方根本违约,甲方不得解除本合同。"),
    ],
    "auto_renewal": [
        ("low", "本合同有效期{months}个月,期满自动终止;续约须另行签订书面合同。"),
        ("medium", "期满前{days}日任何一方未书面提出异议的,本合同自动延续一年。"),
        ("high", "本合同期满后自动延续三年,仅乙方有权提出终止。"),
    ],
    "dispute_law": [
        ("low", "因本合同发生的争议,由甲方所在地人民法院管辖。"),
        ("medium", "争议可提交仲裁,也可向人民法院起诉。"),
        ("high", "争议由乙方所在地{place}人民法院管辖,诉讼费用和律师费均由甲方承担。"),
    ],
}

_EN: dict[str, Wordings] = {
    "territory_exclusivity": [
        (
            "low",
            "The Distributor is appointed without exclusivity in {area}; the Company may appoint others.",
        ),
        (
            "medium",
            "The Distributor is the sole distributor in {area}, save for key accounts and online sales.",
        ),
        (
            "high",
            "The Distributor alone may sell the Products in {area}; the Company shall not sell there itself.",
        ),
    ],
    "diversion_ban": [
        (
            "low",
            "Sales outside the Territory are prohibited; each breach forfeits {rate}% of the goods' value.",
        ),
        ("medium", "The Distributor shall endeavour not to supply customers outside the Territory."),
        (
            "high",
            "The Distributor may resell the Products anywhere, and the Company waives all sanctions for it.",
        ),
    ],
    "minimum_purchase": [
        (
            "low",
            "The Distributor shall purchase at least CNY {amount} a year, failing which it loses its area.",
        ),
        ("medium", "The parties aim at yearly purchases of about CNY {amount}."),
        (
            "high",
            "No minimum purchase applies; the Company shall hold stock for the Distributor at all times.",
        ),
    ],
    "price_control": [
        (
            "low",
            "The Company may change its prices on {days} days' notice; the Distributor sets resale prices.",
        ),
        ("medium", "Resale prices should in general stay near those that the Company recommends."),
        (
            "high",
            "The Distributor shall not resell below the minimum price; supply stops at the first breach.",
        ),
        ("high", "Prices are fixed for the Term, and never higher than those granted to any other customer."),
    ],
    "payment_terms": [
        ("low", "Invoices are payable within 30 days of their date by bank transfer."),
        ("low", "The Distributor shall pay in advance of each shipment."),
        ("medium", "Invoices are payable within 90 days of the end of the month."),
        ("high", "The Distributor pays for the Products when it has resold them."),
    ],
    "credit_guarantee": [
        ("low", "The Distributor shall lodge a deposit of CNY {amount} as security for its debts."),
        ("medium", "The Company may grant a credit limit as it sees fit from time to time."),
        ("high", "The Company grants a credit limit of CNY {amount} without any security."),
    ],
    "rebate_terms": [
        (
            "low",
            "When the yearly target is met and nothing is overdue, {rate}% of paid purchases is credited.",
        ),
        ("medium", "A quarterly rebate may be granted under the policy then in force."),
        ("high", "The Company shall pay {rate}% of all purchases in cash each month, whatever is achieved."),
    ],
    "returns_buyback": [
        ("low", "Products may be returned only if defective."),
        ("medium", "Slow stock may be exchanged within {days} days, up to a tenth of a delivery."),
        ("high", "Upon expiry the Company shall repurchase all unsold stock at the price paid."),
    ],
    "delivery_risk": [
        ("low", "Risk passes when the Products are handed to the carrier; title passes on full payment."),
        ("medium", "The Company delivers to the Distributor's warehouse and the parties share the freight."),
        ("high", "Late delivery costs the Company one per cent of the order a day without limit."),
    ],
    "audit_rights": [
        ("low", "The Company may inspect stock and sales records at any time during business hours."),
        ("medium", "Inspection needs {days} days' notice and the Distributor's consent."),
        ("high", "The Company has no right to inspect the Distributor's books or stock."),
    ],
    "confidentiality": [
        (
            "low",
            "The Distributor keeps prices and customer data secret for the Term and {months} months.",
        ),
        ("medium", "Each party shall keep the other's information confidential."),
        ("high", "Either party may disclose the terms of this agreement to anyone."),
    ],
    "non_compete": [
        ("low", "During the Term the Distributor shall not deal in competing goods."),
        ("medium", "The Distributor shall tell the Company before it takes on competing goods."),
        (
            "high",
            "The Distributor may deal in any goods; the Company shall not launch rival brands in {area}.",
        ),
    ],
    "liability_cap": [
        ("low", "The Company's liability is limited to the price paid in the last twelve months."),
        ("medium", "Each party's liability is limited to {rate}% of the yearly turnover."),
        ("high", "The Company shall indemnify the Distributor against all losses of any kind without limit."),
    ],
    "termination_breach": [
        ("low", "The Company may terminate at once if a payment is more than {days} days overdue."),
        ("medium", "Either party may terminate for a breach not cured within a reasonable time."),
        ("high", "The Company may terminate only after a final judgment that the Distributor is in breach."),
    ],
    "auto_renewal": [
        ("low", "This agreement runs for {months} months and then expires unless renewed in writing."),
        ("medium", "It renews for one year unless either party objects {days} days before expiry."),
        ("high", "It renews for periods of three years unless the Distributor objects."),
    ],
    "dispute_law": [
        ("low", "The courts at the Company's seat have exclusive jurisdiction."),
        ("medium", "Disputes may be brought before a court or before an arbitral tribunal."),
        ("high", "The courts of {place} decide, and the Company bears all costs of the proceedings."),
    ],
}

CLAUSES: dict[str, dict[str, Wordings]] = {"zh": _ZH, "en": _EN}
