"""Topics: where a paragraph turns from one clause type to the next.

In:   log-probabilities [s, k] of the types of its sentences, and what a turn costs (in log-probability).
Out:  the numbers of the sentences with which a topic begins; the first is always 0.

The best way to give every sentence a type when each turn costs `price` (Viterbi's path), found exactly.
A high
price keeps clauses that mention a neighbouring topic whole.

Source: Viterbi (1967); Hearst (1997), TextTiling, for the task.

>>> turns(np.log([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]), price=1.0)
[0, 2]
>>> turns(np.log([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]), price=1.0)
[0]
"""

import numpy as np
from numpy.typing import NDArray


def turns(logp: NDArray[np.float64], *, price: float) -> list[int]:
    """Sentences with which a topic begins."""
    n, k = logp.shape
    best, back = logp[0], np.zeros((n, k), dtype=np.intp)
    for i in range(1, n):
        leap = int(best.argmax())
        stay = best >= best[leap] - price
        back[i] = np.where(stay, np.arange(k), leap)
        best = np.where(stay, best, best[leap] - price) + logp[i]
    path = [int(best.argmax())]
    for i in range(n - 1, 0, -1):
        path.append(int(back[i, path[-1]]))
    path.reverse()
    return [0, *(i for i in range(1, n) if path[i] != path[i - 1])]
