"""The nine rules of the music-theory reward (Jaques et al. 2017, section 5.1), as pure functions of arrays.

Each rule maps tokens int [N, T] to rewards float32 [N, T]: what the token at step t earns, given the tokens
before it. Only `tonic` knows T, and only `unique_extremes` waits for the last step. Any T >= 1 will do.

Inside, time is the first axis, so that "lag steps earlier" is a contiguous slice, and tokens are int8.
Numbers and corner cases are those of the published Magenta RL Tuner, which knows C major in 4/4 alone: the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.scale import C_MAJOR, Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, NO_EVENT, NOTE_OFF, NUM_PITCHES, NUM_TOKENS

Rule = Callable[[np.ndarray], np.ndarray]

LEAP = 7  # semitones; a fifth or more is a leap
MOTIF_PITCHES = 3  # distinct pitches a motif holds at the least
MAX_LAG = 3  # of the autocorrelation

_DISTINCT = np.arange(NUM_PITCHES + 1)  # distinct pitches in a window
MOTIF_REWARD = np.where(_DISTINCT < MOTIF_PITCHES, 0, 3 + 0.3 * (_DISTINCT - MOTIF_PITCHES)).astype(np.float32)
REPEATED_MOTIF_REWARD = np.where(_DISTINCT < MOTIF_PITCHES, 0, 4 + _DISTINCT - MOTIF_PITCHES).astype(np.float32)


def key(tokens: np.ndarray, scale: Scale = C_MAJOR) -> np.ndarray:
    """-1 for a pitch outside the scale."""
    return np.where(scale.has, np.float32(0), np.float32(-1))[tokens]


def tonic(tokens: np.ndarray, scale: Scale = C_MAJOR, meter: Meter = COMMON_TIME) -> np.ndarray:
    """+3 for the tonic nearest to middle C at the start and on the last beat, T - beat; a beat is 4 steps in 4/4.

    On the last beat also +3 for a hold one step after it, and for each hold or rest from there on.
    """
    steps = np.arange(tokens.shape[1]) - tokens.shape[1]  # -1 is the last one
    earns = (tokens == scale.tonic_token) & ((steps == steps[0]) | (steps == -meter.beat))
    earns |= (tokens == NO_EVENT) & (steps == 1 - meter.beat)
    earns |= (tokens < FIRST_PITCH) & (steps > 1 - meter.beat)
    return np.where(earns, np.float32(3), np.float32(0))


def repeated_notes(tokens: np.ndarray) -> np.ndarray:
    """-100 for one repetition too many of the token, within the stretch before it that has no other pitch.

    Allowed before it are 1 equal token for a note-off, 4 if the stretch has no other token, else 6.
    """
    x = _time_major(tokens)
    steps = np.arange(len(x), dtype=np.int32)[:, None]
    is_pitch = x >= FIRST_PITCH
    changes = is_pitch & (x != previous_pitch(tokens).T)
    after_pitch = _before(_running(np.maximum, (steps + 1) * is_pitch))
    start = np.where(is_pitch, _running(np.maximum, after_pitch * changes), after_pitch)
    equal = np.zeros(x.shape, np.int32)
    for kind, restarts in ((x == NOTE_OFF, is_pitch), (x == NO_EVENT, is_pitch), (is_pitch, changes)):
        before = _running(np.add, kind.astype(np.int32)) - kind
        equal += kind * (before - _running(np.maximum, before * restarts))
    allowed = np.where(x == NOTE_OFF, 1, np.where(equal == steps - start, 4, 6))
    return np.where(equal > allowed, np.float32(-100), np.float32(0)).T


def autocorrelation(tokens: np.ndarray) -> np.ndarray:
    """-3 |rho| for each lag 1, 2, 3 at which the melody so far, as numbers, has |rho| > 0.15.

    A fraction compares exactly: |rho| = 0.15 earns nothing. The published program rounds, either way.
    """
    reward = np.zeros(tokens.shape[::-1])
    for covariance, variance in autocovariances(tokens):
        size = np.abs(covariance)
        # A variance below 1 is 0, and then so is size.
        reward -= (20 * size > 3 * variance) * (3 * size / np.maximum(variance, 1))
    return reward.T.astype(np.float32)


def autocovariances(tokens: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For lags k = 1, 2, 3 the numerator and denominator, float64 [T, N], of the prefixes' autocorrelation.

    With m tokens so far, S = sum x_i, both are multiplied by m^2 and so are whole numbers, exact below 2^53:

        m^2 sum_{i<m-k} (x_i - S/m) (x_{i+k} - S/m)
            = m^2 sum_{i<m-k} x_i x_{i+k} - m S (sum_{i<m-k} x_i + sum_{k<=i<m} x_i) + (m-k) S^2
        m^2 sum_{i<m} (x_i - S/m)^2 = m (m sum_{i<m} x_i^2 - S^2)
    """
    x = _time_major(tokens).astype(np.float64)
    m = np.arange(1.0, len(x) + 1)[:, None]
    total = _running(np.add, x)
    variance = m * (m * _running(np.add, x * x) - total**2)
    for lag in range(1, MAX_LAG + 1):
        covariance = np.zeros_like(x)
        products = _running(np.add, x[lag:] * x[:-lag])
        ends = total[:-lag] + total[lag:] - total[lag - 1 : lag]
        covariance[lag:] = m[lag:] ** 2 * products - m[lag:] * total[lag:] * ends + (m[lag:] - lag) * total[lag:] ** 2
        yield covariance, variance


def motif(tokens: np.ndarray, meter: Meter = COMMON_TIME) -> np.ndarray:
    """+3 if the last half bar, eight tokens in 4/4, holds three distinct pitches, +0.3 for each further one."""
    return MOTIF_REWARD[_window_pitches(_time_major(tokens), meter.bar // 2).T]


def repeated_motif(tokens: np.ndarray, meter: Meter = COMMON_TIME) -> np.ndarray:
    """+4 if the last half bar is a motif that stood whole before it, +1 for each pitch above three."""
    x, size = _time_major(tokens), meter.bar // 2
    stood = np.zeros(x.shape, bool)
    for lag in range(size, len(x) - size + 1):
        same, width = x[lag:] == x[:-lag], 1  # becomes: the `width` tokens up to here are those `lag` steps earlier
        while width < size:
            shift = min(width, size - width)
            same, width = same[shift:] & same[:-shift], width + shift
        stood[lag + size - 1 :] |= same
    return (REPEATED_MOTIF_REWARD[_window_pitches(x, size)] * stood).T


def intervals(tokens: np.ndarray, scale: Scale = C_MAJOR) -> np.ndarray:
    """The worth of the step from the previous pitch to the token, 0 if there is no previous pitch.

    From the tonic or the fifth, the interval of the scale's fifth is worth 0.5, a hold 1.5 and a rest 0.75 (from other
    pitches 0.375 and 0.25); from the tonic or the third, that of its third 0.75, up or down. All else is by distance.
    """
    x = _time_major(tokens)
    return interval_rewards(scale)[previous_pitch(tokens).T, x].T


def leaps(tokens: np.ndarray) -> np.ndarray:
    """+5 where a leap is resolved: the melody returns to its origin, or leaps back late; -5 for a second leap onward.

    A leap is a fifth or more. While one is open, `direction` is its sign and `origin` the pitch it left;
    `quiet` counts the tokens since the last leap.
    """
    x = _time_major(tokens)
    previous = previous_pitch(tokens).T
    is_pitch = x >= FIRST_PITCH
    distance = x - previous
    leap = is_pitch & (previous >= FIRST_PITCH) & (np.abs(distance) >= LEAP)
    way = np.sign(distance) * leap  # 0 where no leap is
    reward = np.zeros(x.shape, np.float32)
    direction, origin = np.zeros((2, x.shape[1]), np.int8)
    quiet = np.zeros(x.shape[1], np.int32)
    for t in range(1, len(x)):
        is_open = direction != 0
        back = is_open & leap[t] & (way[t] != direction)
        onward = is_open & (way[t] == direction)
        home = is_open & is_pitch[t] & ~leap[t] & ((x[t] - origin) * direction <= 0)
        reward[t] += 5 * (home | (back & (quiet > 6)))
        reward[t] -= 5 * onward
        opens = leap[t] & ~is_open
        direction = np.where(opens, way[t], direction * ~(back | home))
        origin = np.where(opens, previous[t], origin)
        quiet = np.where(leap[t], 0, quiet + 1)
    return reward.T


def unique_extremes(tokens: np.ndarray) -> np.ndarray:
    """At the last step, +3 if the largest token occurs once and +3 if the lowest pitch occurs once."""
    highest, lowest = unique_ends(tokens)
    reward = np.zeros(tokens.shape, np.float32)
    reward[:, -1] = 3 * (highest.astype(np.int8) + lowest)
    return reward


def unique_ends(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the largest token, and whether the lowest pitch, occurs once: two bool [N]."""
    x = _time_major(tokens)
    pitches = np.where(x < FIRST_PITCH, np.int8(NUM_TOKENS), x)
    lowest = pitches.min(axis=0)
    return (x == x.max(axis=0)).sum(axis=0) == 1, ((pitches == lowest).sum(axis=0) == 1) & (lowest < NUM_TOKENS)


def previous_pitch(tokens: np.ndarray) -> np.ndarray:
    """The last pitch token strictly before each step, int8 [N, T]; 0 where there is none."""
    x = _time_major(tokens)
    previous = np.zeros_like(x)
    for t in range(1, len(x)):
        previous[t] = np.where(x[t - 1] >= FIRST_PITCH, x[t - 1], previous[t - 1])
    return previous.T


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        key,
        tonic,
        repeated_notes,
        autocorrelation,
        motif,
        repeated_motif,
        intervals,
        leaps,
        unique_extremes,
    )
}


def rules_in(scale: Scale, meter: Meter) -> dict[str, Rule]:
    """`RULES` in another key or meter."""
    return RULES | {
        "key": partial(key, scale=scale),
        "tonic": partial(tonic, scale=scale, meter=meter),
        "motif": partial(motif, meter=meter),
        "repeated_motif": partial(repeated_motif, meter=meter),
        "intervals": partial(intervals, scale=scale),
    }


def _time_major(tokens: np.ndarray) -> np.ndarray:
    """Tokens [N, T] as int8 [T, N], contiguous."""
    return np.ascontiguousarray(tokens.T, np.int8)


def _before(x: np.ndarray) -> np.ndarray:
    """x [T, N] one step earlier, 0 first."""
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


def _running(ufunc: np.ufunc, x: np.ndarray) -> np.ndarray:
    """ufunc.accumulate down the first axis. Row by row: numpy's own walks the columns, at a tenth of the speed."""
    out = x.copy()
    for t in range(1, len(x)):
        ufunc(out[t - 1], x[t], out=out[t])
    return out


def _window_pitches(x: np.ndarray, size: int) -> np.ndarray:
    """The number of distinct pitches among each step's last `size` tokens, int8 [T, N]; 0 before so many exist."""
    gap = np.full(x.shape, size, np.int8)  # back to the equal token before, at most `size`
    for lag in range(size - 1, 0, -1):
        gap[lag:][x[lag:] == x[:-lag]] = lag
    gap[x < FIRST_PITCH] = 0
    pitches = np.zeros_like(x)
    last = len(x) - size + 1
    for place in range(size if last > 0 else 0):  # a pitch counts where it first occurs in the window
        pitches[size - 1 :] += gap[place : place + last] > place
    return pitches


@cache
def interval_rewards(scale: Scale) -> np.ndarray:
    """What a token earns after a previous pitch, float32 [previous, token]."""
    tokens = np.arange(NUM_TOKENS)
    distance = np.abs(tokens[:, None] - tokens)
    by_distance = np.full(NUM_TOKENS, -5.0)
    by_distance[:13] = [0, 0, 0.40, 0, 0.45, 0.35, 0, 0.10, 0, 0.25, 0, -1.5, 0]
    table = by_distance[distance]
    is_tonic, is_third, is_fifth = (scale.above_tonic[:, None] == degree for degree in (0, scale.third, scale.fifth))
    table[(distance == scale.fifth) & (is_tonic | is_fifth)] = 0.5
    table[(distance == scale.third) & (is_tonic | is_third)] = 0.75
    table[:, [NOTE_OFF, NO_EVENT]] = np.where(is_tonic | is_fifth, [0.75, 1.5], [0.25, 0.375])
    table[:FIRST_PITCH] = 0  # no previous pitch
    return table.astype(np.float32)
