"""Wordings: what each number behind an alert means, as reason codes and short sentences.

>>> WORDINGS["x_spike"].code
'BOUGHT_MORE_THAN_USUAL'
"""

from models.reasons import Wording

_PLAIN = {
    "raw": ("RULE", "The detector's own rule is met.", "The detector's own rule is hardly met."),
    "x_days": ("DAYS_OF_STOCK", "Days of stock speak for it.", "Days of stock speak against it."),
    "x_days_before": ("DAYS_OF_STOCK", "Days of stock speak for it.", "Days of stock speak against it."),
    "x_own": ("OWN_HISTORY", "Unlike the series' own past.", "Much as in the series' own past."),
    "x_idle": ("NO_SALES", "Nothing was sold for some time.", "It was sold lately."),
    "x_run": ("LASTS", "It has lasted for some time.", "It has begun only now."),
    "x_pace": ("PACE", "The pace of sales speaks for it.", "The pace of sales speaks against it."),
    "x_trend": ("TREND", "The trend of sales speaks for it.", "The trend of sales speaks against it."),
    "x_season": ("SEASON", "The coming season does not explain it.", "The coming season may explain it."),
    "x_lumpy": ("LUMPY", "Sales are too even to explain it.", "Sales are uneven anyway."),
    "x_zero": ("SELDOM_SOLD", "Months without sales speak for it.", "Months without sales explain it."),
    "x_bought": ("BOUGHT", "The last purchase speaks for it.", "The last purchase speaks against it."),
    "x_age": ("HISTORY", "The length of the history speaks for it.", "The history is short."),
    "x_spike": ("BOUGHT_MORE_THAN_USUAL", "Bought more than usual.", "Bought as usual."),
    "x_over": ("BOUGHT_MORE_THAN_SOLD", "Bought more than was sold.", "Bought as much as was sold."),
    "x_rise": ("STOCK_ROSE", "Stock rose with it.", "Stock did not rise."),
    "x_payback": ("PAID_BACK", "Bought less afterwards.", "Bought as much afterwards."),
    "x_returned": ("RETURNED", "Goods came back afterwards.", "No goods came back."),
    "x_spike_before": ("HABIT", "Earlier quarter ends were alike.", "Earlier quarter ends were not."),
    "x_rise_before": ("HABIT", "Earlier quarter ends were alike.", "Earlier quarter ends were not."),
    "x_payback_before": ("HABIT", "Earlier quarter ends were alike.", "Earlier quarter ends were not."),
    "x_peers": ("PEERS", "Other dealers did not do so.", "Other dealers did so too."),
    "x_months_after": (
        "SEEN_AFTER",
        "The months after are on record.",
        "The months after are not on record.",
    ),
    "x_ends_before": ("HISTORY", "Many quarter ends are on record.", "Few quarter ends are on record."),
    "x_belief": ("PRICE_SPELL", "Prices stayed low.", "Prices were low by chance, it seems."),
    "x_depth": ("DEPTH", "The price is far below what was expected.", "The price is hardly below."),
    "x_deepest": ("DEPTH", "The price is far below what was expected.", "The price is hardly below."),
    "x_surveys": ("SURVEYS", "Several surveys agree.", "Few surveys."),
    "x_move": ("MARKET", "The region's prices do not explain it.", "The region's prices fell too."),
    "x_habit": ("DEALER_HABIT", "Not the dealer's habit.", "The dealer is cheap anyway."),
    "x_lift": ("SOLD_MORE", "More was sold meanwhile.", "No more was sold meanwhile."),
    "x_others": (
        "OTHER_PRODUCTS",
        "The dealer's other prices speak for it.",
        "Other prices of the dealer fell too.",
    ),
    "x_since": ("RECENT", "It is recent.", "It was a while ago."),
    "x_dealers": ("DEALERS", "Several dealers are concerned.", "Few dealers are concerned."),
    "x_residual": ("DOCUMENT_PRICE", "The price strays from what was agreed.", "Near the agreed price."),
    "x_z": ("DOCUMENT_PRICE", "The price strays from what was agreed.", "Near the agreed price."),
    "x_overdue": ("OVERDUE", "Invoices are overdue.", "Nothing is overdue."),
    "x_late_rate": ("PAYS_LATE", "Many open invoices are late.", "Few open invoices are late."),
    "x_scans": ("SCANS", "Codes were scanned elsewhere.", "Codes were scanned at home."),
    "verdicts": ("VERDICTS", "Like alerts that were confirmed.", "Like alerts that were dismissed."),
}
WORDINGS = {column: Wording(*words) for column, words in _PLAIN.items()}
