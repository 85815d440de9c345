"""Weights by error a second time, in plain loops."""


def error(member, truths):
    """Sum of absolute errors over the sum of truths."""
    return sum(abs(f - y) for f, y in zip(member, truths, strict=True)) / sum(truths)


def shares(members, truths, power=16, trust=200):
    """One over the error, to a power that little evidence lowers, as shares; `members` by member."""
    told = sum(truths) ** 2 / sum(y * y for y in truths)
    power *= told / (told + trust)
    odds = [error(member, truths) ** -power for member in members]
    return [odd / sum(odds) for odd in odds]
