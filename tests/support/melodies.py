"""A literal reading of the melody rules, note by note: what token `a` earns after the tokens x, all lists of ints."""

from fractions import Fraction


def literal_repeated_notes(x, a):
    equal, others = 0, set()
    for token in reversed(x):
        if token == a:
            equal += 1
        elif token < 2:
            others.add(token)
        else:
            break
    return -100 if (a == 0 and equal > 1) or equal > (6 if others else 4) else 0


def literal_autocorrelation(x, a):
    y = [*x, a]
    m, mean = len(y), Fraction(sum(y), len(y))
    y = [int(value * m - mean * m) for value in y]  # deviations from the mean, m times as large: whole numbers
    variance = sum(value * value for value in y)
    sums = [abs(sum(y[i] * y[i + lag] for i in range(m - lag))) for lag in (1, 2, 3)]
    return -3 * sum(s / variance for s in sums if 20 * s > 3 * variance) if variance else 0


def literal_motif(x, a, repeated=False, size=8):
    window = [*x, a][-size:]
    pitches = len({token for token in window if token >= 2})
    if len(window) < size or pitches < 3:
        return 0
    before = [*x, a][:-size]
    stood = any(before[i : i + size] == window for i in range(len(before) - size + 1))
    return (4 + pitches - 3 if stood else 0) if repeated else 3 + 0.3 * (pitches - 3)


def literal_intervals(x, a):
    pitches = [token for token in x if token >= 2]
    if not pitches:
        return 0
    previous, distance = pitches[-1], abs(a - pitches[-1])
    c, e, g = (previous in chord for chord in ({2, 14, 26}, {6, 18, 30}, {9, 21, 33}))
    if a < 2:
        return ((0.75, 1.5) if c or g else (0.25, 0.375))[a]
    if (distance == 7 and (c or g)) or (distance == 4 and (c or e)):
        return {7: 0.5, 4: 0.75}[distance]
    return -5 if distance > 12 else {4: 0.45, 2: 0.40, 5: 0.35, 9: 0.25, 7: 0.10, 11: -1.5}.get(distance, 0)


def literal_leaps(row):
    rewards, direction, origin, since = [0], 0, None, 0
    for t in range(1, len(row)):
        a, pitches, reward = row[t], [token for token in row[:t] if token >= 2], 0
        if a >= 2 and pitches and abs(a - pitches[-1]) >= 7:
            way = 1 if a > pitches[-1] else -1
            if direction == 0:
                direction, origin = way, pitches[-1]
            elif way == direction:
                reward = -5
            else:
                reward, direction = 5 if since > 6 else 0, 0
            since = 0
        else:
            since += 1
            if a >= 2 and ((direction > 0 and a <= origin) or (direction < 0 and a >= origin)):
                reward, direction = 5, 0
        rewards.append(reward)
    return rewards


def literal_extremes(row):
    pitches = [token for token in row if token >= 2]
    return 3 * (row.count(max(row)) == 1) + 3 * (bool(pitches) and pitches.count(min(pitches)) == 1)


def literal(row):
    """Every rule's rewards of one row of tokens, but for key and tonic."""
    prefixes = [(row[:t], row[t]) for t in range(len(row))]
    return {
        "repeated_notes": [literal_repeated_notes(x, a) for x, a in prefixes],
        "autocorrelation": [literal_autocorrelation(x, a) for x, a in prefixes],
        "motif": [literal_motif(x, a) for x, a in prefixes],
        "repeated_motif": [literal_motif(x, a, repeated=True) for x, a in prefixes],
        "intervals": [literal_intervals(x, a) for x, a in prefixes],
        "leaps": literal_leaps(row),
        "unique_extremes": [0] * (len(row) - 1) + [literal_extremes(row)],
    }
