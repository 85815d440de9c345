"""The nowcast of one period a second time: row by row, from the words of its docstring."""

from statistics import mean


def nowcast(rows, month, age, pull):
    """(dealer, sku) -> (reported, expected of the silent).

    rows: (dealer, outlet, sku, month number, units, age in days when known), all of them known; every
    outlet sells every product from its first month on.
    """
    outlets = sorted({(d, o) for d, o, *_ in rows})
    known = {(d, o, m): a for d, o, _, m, _, a in rows}
    units = {(d, o, s, m): u for d, o, s, m, u, _ in rows}
    keys = sorted({(d, o, s) for d, o, s, *_ in rows})
    here = {x: (*x, month) in known for x in outlets}

    def usual(key):
        last = [units[*key, m] for m in range(max(month - 6, 0), month) if (*key, m) in units]
        return mean(last) if last else None

    size = {key: usual(key) for key in keys}
    for d, o, s in keys:
        if size[d, o, s] is None:
            others = [v for (d2, _, s2), v in size.items() if (d2, s2) == (d, s) and v is not None]
            size[d, o, s] = mean(others) if others else 0.0
    middle, chance = mean(size.values()), _chances(outlets, known, month, age)
    product = {}
    for sku in {s for _, _, s in keys}:
        own = [
            (units.get((d, o, s, month), 0.0), size[d, o, s]) for d, o, s in keys if s == sku and here[d, o]
        ]
        product[sku] = (sum(u for u, _ in own) + pull * middle) / (sum(n for _, n in own) + pull * middle)
    told = {}
    for d, s in {(d, s) for d, _, s in keys}:
        mine = [o for d2, o, s2 in keys if (d2, s2) == (d, s)]
        own_size = mean(size[d, o, s] for o in mine)
        sold = sum(units.get((d, o, s, month), 0.0) for o in mine if here[d, o])
        stands = sum(size[d, o, s] for o in mine if here[d, o])
        weight = stands + pull * own_size
        pace = (sold + pull * own_size * product[s]) / weight if weight > 0 else product[s]
        silent = [
            o for o in mine if not here[d, o] and any((d, o, m) in known for m in range(month - 12, month))
        ]
        told[d, s] = sold, sum(size[d, o, s] * pace * chance[d, o] for o in silent)
    return told


def _chances(outlets, known, month, age):
    """Chance that a silent outlet still reports."""
    window = range(max(month - 12, 0), month)
    reports = {x: [known[*x, m] for m in window if (*x, m) in known] for x in outlets}
    begun = {x: min((m for d, o, m in known if (d, o) == x and m < month), default=month) for x in outlets}
    could = {x: sum(m >= begun[x] for m in window) for x in outlets}
    count = sum(map(len, reports.values()))
    habit_of_all = count / max(sum(could.values()), 1)
    early_of_all = sum(a <= age for v in reports.values() for a in v) / max(count, 1)
    out = {}
    for x in outlets:
        habit = (len(reports[x]) + 4 * habit_of_all) / (could[x] + 4)
        soon = (sum(a <= age for a in reports[x]) + 4 * early_of_all) / (len(reports[x]) + 4)
        left = 1 - habit * soon
        out[x] = habit * (1 - soon) / left if left > 1e-9 else 0.0
    return out
