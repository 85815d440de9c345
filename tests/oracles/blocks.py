"""The feature blocks a second time: one series, one number at a time, straight from the words."""

import math


def seen(values):
    return [v for v in values if not math.isnan(v)]


def mean(values):
    return sum(seen(values)) / len(seen(values)) if seen(values) else math.nan


def last(row, k):
    return [row[i] for i in range(max(len(row) - k, 0), len(row))]


def at(row, position):
    return row[position] if 0 <= position < len(row) else math.nan


def deviation(row, k):
    middle = mean(last(row, k))
    return math.sqrt(mean([(v - middle) ** 2 for v in last(row, k)])) if seen(last(row, k)) else math.nan


def decayed(row, half_life):
    weights = [0.5 ** ((len(row) - 1 - i) / half_life) for i in range(len(row))]
    pairs = [(w, v) for w, v in zip(weights, row, strict=True) if not math.isnan(v)]
    return sum(w * v for w, v in pairs) / sum(w for w, _ in pairs) if pairs else math.nan


def level(row, season):
    for window in (last(row, season), row):
        if seen(window) and mean(window) > 0:
            return mean(window)
    return 1.0


def year_ago(row, season, step, years=1):
    return at(row, len(row) + step - season * years)


def around_year_ago(row, season, step, spread):
    return mean([at(row, len(row) + step - season + d) for d in range(-spread, spread + 1)])


def shape(row, season, step):
    """The mean, over whole years back, of that step's units over the level of that year."""
    ratios = []
    for years in range(1, len(row) // season + 1):
        size = mean(last(row[: len(row) - season * (years - 1)], season))
        units = at(row, len(row) + step - season * years)
        if size > 0 and not math.isnan(units):
            ratios.append(units / size)
    return mean(ratios)


def zero_rate(row, k):
    window = last(seen(row), k)
    return sum(v == 0 for v in window) / len(window) if window else math.nan


def since_sale(row):
    sold = [i for i, v in enumerate(row) if v > 0]
    return len(row) - 1 - sold[-1] if sold else len(row)


def age(row):
    known = [i for i, v in enumerate(row) if not math.isnan(v)]
    return len(row) - known[0] if known else 0


def log_ratio(now, then):
    return math.log(now / then) if now > 0 and then > 0 else math.nan
