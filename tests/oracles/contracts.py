"""Slow second answers for the contract room."""

import math
import re


def score(severities, weights):
    """100 less the weighted mean severity."""
    total = sum(weights)
    return 100 * (1 - sum(s * w for s, w in zip(severities, weights, strict=True)) / total)


def some_high(probabilities):
    """That at least one happens, by counting every outcome."""
    n, told = len(probabilities), 0.0
    for outcome in range(1, 2**n):
        told += math.prod(p if outcome >> i & 1 else 1 - p for i, p in enumerate(probabilities))
    return told


def softmax_loss(margins, truth, steepness, offsets):
    """Negative log-likelihood, term by term."""
    loss = 0.0
    for row, k in zip(margins, truth, strict=True):
        z = [steepness * m + b for m, b in zip(row, offsets, strict=True)]
        loss += math.log(sum(math.exp(v) for v in z)) - z[k]
    return loss


def tfidf_row(text, texts, shortest, longest, min_df):
    """n-gram -> weight of one text: (1 + ln tf) x (1 + ln((1 + n) / (1 + df))), length 1."""
    grams = lambda t: [t[i : i + k] for k in range(shortest, longest + 1) for i in range(len(t) - k + 1)]  # noqa: E731
    known = {g: sum(g in t for t in texts) for t in texts for g in grams(t)}
    weights = {}
    for gram in set(grams(text)):
        if known.get(gram, 0) >= min_df:
            tf = grams(text).count(gram)
            weights[gram] = (1 + math.log(tf)) * (1 + math.log((1 + len(texts)) / (1 + known[gram])))
    length = math.sqrt(sum(w * w for w in weights.values())) or 1.0
    return {gram: w / length for gram, w in weights.items()}


def lines(text):
    """The lines of a text that hold more than blanks, stripped."""
    return [line.strip() for line in re.split(r"[\n\r\v\f\x85\u2028\u2029]+", text) if line.strip()]
