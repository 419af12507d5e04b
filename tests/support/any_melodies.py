"""Melodies for hypothesis, in any scale and meter."""

import numpy as np
from hypothesis import strategies as st

from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.scale import C_MAJOR, Scale
from seqtutor.domains.music.tokens import NUM_TOKENS

SCALES = [C_MAJOR, Scale.named("D", "dorian"), Scale.named("F#", "minor"), Scale.named("B", "locrian")]
METERS = [COMMON_TIME, Meter(3, 4), Meter(6, 8), Meter(1, 8), Meter(9, 8), Meter(16, 2)]


@st.composite
def any_melodies(draw):
    """Tokens [N, T], often of few different ones or of one repeated phrase, so that every rule has something to say."""
    palette = draw(st.sampled_from([[0, 1, 14], [1, 9, 14, 18], [0, 1, 2, 14, 16, 30, 37], list(range(NUM_TOKENS))]))
    count, length, phrase = draw(st.integers(1, 5)), draw(st.integers(1, 70)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tokens = np.resize(rng.choice(palette, (count, min(phrase, length))).T, (length, count)).T
    return np.where(rng.random(tokens.shape) < 0.05, rng.integers(0, NUM_TOKENS, tokens.shape), tokens).astype(np.int32)
