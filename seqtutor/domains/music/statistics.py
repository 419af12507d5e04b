"""Statistics of a set of melodies: the paper's Table 1 (Jaques et al. 2017), then unique, novel and diversity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from seqtutor.domains.base import Statistics
from seqtutor.domains.music import rules
from seqtutor.domains.music.reward import blocks_by_length
from seqtutor.domains.music.tokens import FIRST_PITCH, MIDI_OFFSET, NOTE_OFF, NUM_TOKENS, SYMBOLS
from seqtutor.errors import UserError
from seqtutor.estimate import Z95, Estimate, RatioSums, wilson

_GROUPS = 64  # of compositions, left out one at a time by the jackknife
_ABSENT = -1  # between reference melodies


def composition_statistics(tokens: np.ndarray) -> dict[str, np.ndarray]:
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
        "notes_not_in_key": rules.key(tokens) < 0,
        "notes_in_motif": rules.motif(tokens) > 0,
        "notes_in_repeated_motif": rules.repeated_motif(tokens) > 0,
        "num_starting_tonic": tokens[:, :1] == rules.TONIC,
        "num_resolved_leaps": leaps > 0,
        "num_leap_twice": leaps < 0,
        "num_high_unique": highest[:, None],
        "num_low_unique": lowest[:, None],
        **_intervals(tokens),
    }
    statistics = {name: count.sum(axis=1) for name, count in counts.items()}
    for lag, (covariance, variance) in enumerate(rules.autocovariances(tokens), start=1):
        end = np.full(len(tokens), np.nan)
        np.divide(covariance[-1], variance[-1], out=end, where=variance[-1] > 0)
        statistics[f"autocorrelation{lag}"] = end
    return statistics


def _intervals(tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Where each kind of interval from the previous pitch ends, bool [N, T] by name."""
    previous = rules.previous_pitch(tokens)
    pitch_class = (previous + MIDI_OFFSET) % 12
    is_c, is_e, is_g = ((previous >= FIRST_PITCH) & (pitch_class == k) for k in (0, 4, 7))
    steps = np.where((previous >= FIRST_PITCH) & (tokens >= FIRST_PITCH), np.abs(tokens - previous), -1)
    rests = (previous >= FIRST_PITCH) & (tokens == NOTE_OFF)
    preferred_thirds, preferred_fifths = (steps == 4) & (is_c | is_e), (steps == 7) & (is_c | is_g)
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
        "num_rest_intervals": rests & ~(is_c | is_g),
        "num_special_rest_intervals": rests & (is_c | is_g),
    }


# Each row of the printed table as numerator and denominator [N], of the counts s and the length T.
_TABLE: dict[str, Callable[[dict[str, np.ndarray], int], tuple[np.ndarray, np.ndarray]]] = {}
