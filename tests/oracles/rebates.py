"""What a ladder pays, counted coin by coin: slow, and sharing nothing with models.rebate.ladder."""

from fractions import Fraction


def rebate_coins(purchases, tiers, rule, cap=None, awards=0):
    """Coins paid for so many coins bought; tiers are (threshold in coins, rate as a fraction).

    Every coin above a threshold earns the rate of the highest tier below it; of a retroactive ladder,
    every coin earns the rate of the highest tier that all of them reach.
    """
    earned = Fraction(0)
    for coin in range(1, purchases + 1):
        at = purchases if rule == "retroactive" else coin - 1
        rate = Fraction(0)
        for threshold, of_tier in tiers:
            if at >= threshold:
                rate = of_tier
        earned += rate
    paid = half_up(earned) + awards
    return paid if cap is None else min(paid, cap)


def half_up(value):
    """The nearest whole number, a half upwards."""
    whole, rest = divmod(value, 1)
    return int(whole) + (rest >= Fraction(1, 2))


def tiers_reached(purchases, thresholds):
    """How many thresholds are not above the purchases, one by one."""
    count = 0
    for threshold in thresholds:
        if purchases < threshold:
            break
        count += 1
    return count
