"""Wordings: what each number behind an alert is, as reason codes and short sentences.

A sentence says which way a number moves the probability, never what the number is: that is told by the
evidence, and the same number may speak for or against, depending on the others.

>>> WORDINGS["x_spike"].raises
'What was bought against the usual month speaks for it.'
"""

from models.reasons import Wording

_NOUNS = {
    "raw": ("RULE", "The detector's own rule"),
    "x_days": ("DAYS_OF_STOCK", "How long the stock lasts"),
    "x_days_before": ("DAYS_OF_STOCK", "How long the stock lasts"),
    "x_own": ("OWN_HISTORY", "The stock against the series' own past"),
    "x_idle": ("NO_SALES", "How long nothing was sold"),
    "x_run": ("LASTS", "How long it has lasted"),
    "x_pace": ("PACE", "How fast the product sells"),
    "x_trend": ("TREND", "The trend of its sales"),
    "x_season": ("SEASON", "How the coming months sold last year"),
    "x_lumpy": ("LUMPY", "How uneven its sales are"),
    "x_zero": ("SELDOM_SOLD", "How often nothing is sold"),
    "x_bought": ("LAST_PURCHASE", "The last purchase against sales"),
    "x_age": ("HISTORY", "The length of the history"),
    "x_spike": ("PURCHASE_SPIKE", "What was bought against the usual month"),
    "x_over": ("BOUGHT_OVER_SOLD", "What was bought against what was sold"),
    "x_rise": ("STOCK_RISE", "The stock afterwards against the usual"),
    "x_payback": ("PAYBACK", "What was bought in the months after"),
    "x_returned": ("RETURNS", "What came back in the months after"),
    "x_spike_before": ("HABIT", "The dealer's earlier quarter ends"),
    "x_rise_before": ("HABIT", "The dealer's earlier quarter ends"),
    "x_payback_before": ("HABIT", "The dealer's earlier quarter ends"),
    "x_peers": ("PEERS", "What other dealers did at that quarter's end"),
    "x_months_after": ("SEEN_AFTER", "How much of the time after is on record"),
    "x_ends_before": ("HISTORY", "The length of the history"),
    "x_belief": ("PRICE_SPELL", "The run of street prices"),
    "x_depth": ("DEPTH", "How far the price lies below the expected one"),
    "x_deepest": ("DEPTH", "How far the price lies below the expected one"),
    "x_surveys": ("SURVEYS", "The number of surveys"),
    "x_move": ("MARKET", "The region's other prices"),
    "x_habit": ("DEALER_HABIT", "The dealer's usual price level"),
    "x_lift": ("SALES_LIFT", "What was sold meanwhile"),
    "x_others": ("OTHER_PRODUCTS", "The dealer's other prices"),
    "x_since": ("RECENT", "How long ago it was"),
    "x_dealers": ("DEALERS", "The number of dealers concerned"),
    "x_residual": ("DOCUMENT_PRICE", "The price against the agreed one"),
    "x_z": ("DOCUMENT_PRICE", "The price against the agreed one"),
    "x_overdue": ("OVERDUE", "How long invoices are overdue"),
    "x_late_rate": ("PAYS_LATE", "The share of open invoices that is late"),
    "x_scans": ("SCANS", "Codes that were scanned elsewhere"),
    "verdicts": ("VERDICTS", "What was decided about alerts like this"),
}
WORDINGS = {
    column: Wording(code, f"{noun} speaks for it.", f"{noun} speaks against it.")
    for column, (code, noun) in _NOUNS.items()
}
