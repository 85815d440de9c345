"""The lake's history a second time: a list of rows, one row at a time, by the stated rules."""


def load(history, batch, now):
    """Add what is new of `batch` to `history`; both hold (key, known_at, value)."""
    stored = list(history)
    newest = {key: max(known for k, known, _ in batch if k == key) for key, _, _ in batch}
    for key, known_at, value in sorted(batch, key=lambda row: row[1]):
        there = {known: said for k, known, said in stored if k == key}
        if known_at not in there:
            before = [row for row in history if row[0] == key and row[1] < known_at]
            if not before or max(before, key=lambda row: row[1])[2] != value:
                history.append((key, known_at, value))
        elif there[known_at] != value and known_at == newest[key]:
            later = [said for known, said in there.items() if known > known_at]
            if value not in later:
                history.append((key, max(now, max(there) + 1), value))
    return history
