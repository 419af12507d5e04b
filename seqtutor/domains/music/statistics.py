"""Statistics of a set of melodies: the paper's Table 1 (Jaques et al. 2017), then unique, novel and diversity."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import seqtutor.domains.music.rules as rules
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.reward import blocks_by_length
from seqtutor.domains.music.scale import C_MAJOR, Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, NOTE_OFF, NUM_TOKENS, SYMBOLS
from seqtutor.domains.statistics import MetricNote, Statistics
from seqtutor.errors import UserError
from seqtutor.stats.estimate import Z95, Estimate, RatioSums, share_distinct

_GROUPS = 64  # of compositions, left out one at a time by the jackknife
BREAK = NUM_TOKENS  # separates reference melodies, so that no composition equals a stretch across two


def composition_statistics(
    tokens: np.ndarray, scale: Scale = C_MAJOR, meter: Meter = COMMON_TIME
) -> dict[str, np.ndarray]:
    """What the published program counts in each composition of tokens [N, T], arrays [N] by its names.

    `autocorrelation1` to `3` are NaN where all tokens are equal; all others are counts. Two of its counts are
    narrower than their names, and completed here: `num_octave_jumps` has the intervals above an octave, so that
    `num_octaves` has those of exactly one; `num_in_key_preferred_intervals` has only the fifths, so that
    `num_in_key_preferred_thirds` has the thirds.
    """
    leaps = rules.leaps(tokens)
    highest, lowest = rules.unique_ends(tokens)
    counts = {
        "num_repeated_notes": rules.repeated_notes(tokens) < 0,
        "notes_not_in_key": rules.key(tokens, scale) < 0,
        "notes_in_motif": rules.motif(tokens, meter) > 0,
        "notes_in_repeated_motif": rules.repeated_motif(tokens, meter) > 0,
        "num_starting_tonic": tokens[:, :1] == scale.tonic_token,
        "num_resolved_leaps": leaps > 0,
        "num_leap_twice": leaps < 0,
        "num_high_unique": highest[:, None],
        "num_low_unique": lowest[:, None],
        **_intervals(tokens, scale),
    }
    statistics = {name: count.sum(axis=1) for name, count in counts.items()}
    for lag, (covariance, variance) in enumerate(rules.autocovariances(tokens), start=1):
        end = np.full(len(tokens), np.nan)
        np.divide(covariance[-1], variance[-1], out=end, where=variance[-1] > 0)
        statistics[f"autocorrelation{lag}"] = end
    return statistics


def _intervals(tokens: np.ndarray, scale: Scale) -> dict[str, np.ndarray]:
    """Where each kind of interval from the previous pitch ends, bool [N, T] by name."""
    previous = rules.previous_pitch(tokens)
    degree = np.where(previous >= FIRST_PITCH, scale.above_tonic[previous], -1)
    is_tonic, is_third, is_fifth = degree == 0, degree == scale.third, degree == scale.fifth
    steps = np.where((previous >= FIRST_PITCH) & (tokens >= FIRST_PITCH), np.abs(tokens - previous), -1)
    rests = (previous >= FIRST_PITCH) & (tokens == NOTE_OFF)
    preferred_thirds = (steps == scale.third) & (is_tonic | is_third)
    preferred_fifths = (steps == scale.fifth) & (is_tonic | is_fifth)
    return {
        "num_seconds": steps == 2,
        "num_thirds": (steps == 4) & ~preferred_thirds,
        "num_fourths": steps == 5,
        "num_fifths": (steps == 7) & ~preferred_fifths,
        "num_sixths": steps == 9,
        "num_sevenths": steps == 11,
        "num_octaves": steps == 12,
        "num_octave_jumps": steps > 12,
        "num_in_key_preferred_intervals": preferred_fifths,
        "num_in_key_preferred_thirds": preferred_thirds,
        "num_rest_intervals": rests & ~(is_tonic | is_fifth),
        "num_special_rest_intervals": rests & (is_tonic | is_fifth),
    }


Ratio = Callable[[dict[str, np.ndarray], int], tuple[np.ndarray, np.ndarray | None]]


def _of_tokens(count: str) -> Ratio:
    return lambda s, length: (s[count], np.full(len(s[count]), length))


def _of_compositions(count: str) -> Ratio:
    return lambda s, length: (s[count], None)


def _mean_known(value: str) -> Ratio:
    return lambda s, length: (np.nan_to_num(s[value]), ~np.isnan(s[value]))


# Each row of Table 1 as numerators and denominators [N] (None: all one), from composition_statistics and T.
_TABLE: dict[str, Ratio] = {
    "repeated_notes": _of_tokens("num_repeated_notes"),
    "autocorrelation_1": _mean_known("autocorrelation1"),
    "autocorrelation_2": _mean_known("autocorrelation2"),
    "autocorrelation_3": _mean_known("autocorrelation3"),
    "not_in_key": _of_tokens("notes_not_in_key"),
    "starts_with_tonic": _of_compositions("num_starting_tonic"),
    "leaps_resolved": lambda s, length: (s["num_resolved_leaps"], s["num_resolved_leaps"] + s["num_leap_twice"]),
    "unique_highest": _of_compositions("num_high_unique"),
    "unique_lowest": _of_compositions("num_low_unique"),
    "in_motif": _of_tokens("notes_in_motif"),
    "in_repeated_motif": _of_tokens("notes_in_repeated_motif"),
}
METRIC_NOTES = {
    "repeated_notes": MetricNote("share of tokens", "lower"),
    "not_in_key": MetricNote("share of tokens", "lower"),
    "in_motif": MetricNote("share of tokens", "higher"),
    "in_repeated_motif": MetricNote("share of tokens", "higher"),
    "autocorrelation_1": MetricNote("−1 to 1; 0 is best"),
    "autocorrelation_2": MetricNote("−1 to 1; 0 is best"),
    "autocorrelation_3": MetricNote("−1 to 1; 0 is best"),
    "starts_with_tonic": MetricNote("share of melodies", "higher"),
    "unique_highest": MetricNote("share of melodies", "higher"),
    "unique_lowest": MetricNote("share of melodies", "higher"),
    "leaps_resolved": MetricNote("share of leaps", "higher"),
}
_OF_COMPOSITIONS = ("starts_with_tonic", "unique_highest", "unique_lowest")  # a composition has it or has it not
_NONE = np.zeros(0, np.uint64)


class MusicStatistics(Statistics):
    """Table 1, then the shares of distinct (`unique`) and of `novel` compositions, and their `diversity`.

    Keeps 8 bytes a composition. Compositions of different lengths may be mixed; each is judged at its own length.
    """

    def __init__(self, reference: np.ndarray | None, seed: int, scale: Scale = C_MAJOR, meter: Meter = COMMON_TIME):
        """Args: reference melodies in one row, as `encode` makes it (None: no `novel`); the seed of the hash."""
        self._seed, self._reference = seed, reference
        self._scale, self._meter = scale, meter
        self._novel = RatioSums(share=True)
        self._table = {name: RatioSums(share=name in _OF_COMPOSITIONS) for name in _TABLE}
        self._hashes: list[np.ndarray] = []
        self._positions = _PositionCounts()
        self._known = lru_cache(maxsize=2)(self._reference_hashes)  # by length, nearly always the same one

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds compositions: tokens int32 [N, T], lengths int32 [N]; those of no tokens are left out."""
        for _, block in blocks_by_length(tokens, lengths):
            length = block.shape[1]
            counts = composition_statistics(block, self._scale, self._meter)
            for name, ratio in _TABLE.items():
                self._table[name].add(*ratio(counts, length))
            hashes = _window_hashes(block, self._seed)
            self._hashes.append(hashes)
            if self._reference is not None:
                self._novel.add(~_contains(self._known(length), hashes))
            self._positions.add(block)

    def result(self) -> dict[str, Estimate]:
        """Every statistic by name, in the order to print."""
        novel = {} if self._reference is None else {"novel": self._novel.estimate()}
        return {
            **{name: sums.estimate() for name, sums in self._table.items()},
            "unique": share_distinct(np.unique(np.concatenate([_NONE, *self._hashes]), return_counts=True)[1]),
            **novel,
            "diversity": self._positions.diversity(),
        }

    def _reference_hashes(self, length: int) -> np.ndarray:
        return _NONE if self._reference is None else _stretch_hashes(self._reference, length, self._seed)


def encode(melodies: Iterable[str]) -> np.ndarray:
    """Melodies as texts, of any length, in one row of token ids, int8, with BREAK after each.

    Raises UserError for an unknown token.
    """
    ids = {symbol: token for token, symbol in enumerate(SYMBOLS)}
    row = array("b")
    for number, melody in enumerate(melodies, start=1):
        try:
            row.extend([ids[symbol] for symbol in melody.split()])
        except KeyError as error:
            known = f"use {SYMBOLS[0]}, {SYMBOLS[1]}, {SYMBOLS[2]} .. {SYMBOLS[-1]}"
            raise UserError(f"unknown token '{error.args[0]}' in reference melody {number}; {known}") from None
        row.append(BREAK)
    return np.array(row, np.int8)


def known(texts: Iterable[str], reference: np.ndarray) -> np.ndarray:
    """Which melodies are a stretch of a melody of the reference, which `encode` made, bool [N]."""
    ids = {symbol: token for token, symbol in enumerate(SYMBOLS)}
    melodies = [np.array([ids[symbol] for symbol in text.split()], np.intp) for text in texts]
    lengths = np.array([len(melody) for melody in melodies], int)
    found = np.zeros(len(melodies), bool)
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        hashes = _window_hashes(np.array([melodies[i] for i in at]), seed=0)
        found[at] = _contains(_stretch_hashes(reference, int(length), seed=0), hashes)
    return found


def _stretch_hashes(reference: np.ndarray, length: int, seed: int) -> np.ndarray:
    """The sorted hashes of all stretches of the reference melodies with this length."""
    if len(reference) < length:
        return _NONE
    return np.sort(_window_hashes(sliding_window_view(reference.astype(np.intp), length), seed))


def _window_hashes(windows: np.ndarray, seed: int) -> np.ndarray:
    """A 64-bit number for each row of windows [N, L]; two different rows share one with probability 2^-64.

    It is the exclusive or of random numbers, one for each position and token (Zobrist 1970).
    """
    length = windows.shape[1]
    numbers = np.random.default_rng([seed, length]).integers(2**64, size=(length, BREAK + 1), dtype=np.uint64)
    hashes = np.zeros(len(windows), np.uint64)
    for place in range(length):
        hashes ^= numbers[place][windows[:, place]]
    return hashes


def _contains(known: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Which of the hashes are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(hashes), bool)
    return known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes


class _PositionCounts:
    """How often each token is at each position, in groups of compositions that a jackknife leaves out in turn."""

    def __init__(self) -> None:
        self._counts = np.zeros((_GROUPS, 0, NUM_TOKENS), np.int64)
        self._sizes = np.zeros(_GROUPS, np.int64)  # compositions in each group

    def add(self, tokens: np.ndarray) -> None:
        """Adds compositions, tokens [N, T], to the groups in turn."""
        length, seen = tokens.shape[1], int(self._sizes.sum())
        longer = max(0, length - self._counts.shape[1])
        self._counts = np.pad(self._counts, ((0, 0), (0, longer), (0, 0)))
        group = (seen + np.arange(len(tokens))) % _GROUPS
        np.add.at(self._counts, (group[:, None], np.arange(length), tokens), 1)
        self._sizes += np.bincount(group, minlength=_GROUPS)

    def diversity(self) -> Estimate:
        """The share of positions at which two different compositions of the set differ, on average over all pairs."""
        n = int(self._sizes.sum())
        if n < 2:
            return Estimate(math.nan, None, None, n)
        total = self._counts.sum(axis=0)
        value = float(_share_different(total, np.array(n)))
        if n < 3:  # without one of them there is no pair
            return Estimate(value, None, None, n)
        used = self._sizes > 0
        without = _share_different(total - self._counts[used], n - self._sizes[used])
        error = math.sqrt((len(without) - 1) * without.var())
        return Estimate(value, value - Z95 * error, value + Z95 * error, n, error)


def _share_different(counts: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Of n compositions with token counts [..., T, A], the mean share of positions at which a pair differs.

    1 - sum_ta c_ta (c_ta - 1) / sum_t (n (n - 1) - e_t (e_t - 1)), where e_t compositions have ended before
    position t: a token differs from no token, and positions after the end of both do not count.
    """
    ended = n[..., None] - counts.sum(axis=-1)
    pairs = (n * (n - 1))[..., None] - ended * (ended - 1)
    return 1 - (counts * (counts - 1)).sum(axis=(-2, -1)) / pairs.sum(axis=-1)
