"""What a lookahead tells a network of whole sequences, compiled."""

from __future__ import annotations

import tensorflow as tf

from seqtutor.domains.lookahead import Lookahead, Seen

COMPILED = 16  # steps that lengths are rounded up to in what is compiled: each shape takes seconds


class Teller:
    """What a lookahead knows before each token of whole sequences; of no lookahead, nothing."""

    def __init__(self, lookahead: Lookahead | None):
        # Compiled by XLA, its many small operations are one; a batch has few shapes, and each is compiled once.
        look = None if lookahead is None else lookahead.unroll
        self._look = None if look is None else tf.function(look, autograph=False, jit_compile=True)

    def __call__(self, tokens: tf.Tensor, primer: tf.Tensor | None = None) -> Seen | None:
        """Of tokens int32 [B, T], which follow a primer [B, P], if any; it has no gradient."""
        if self._look is None:
            return None
        steps = tf.shape(tokens)[1]
        padded = tf.pad(tokens, [[0, 0], [0, -steps % COMPILED]])
        return Seen(*(tf.stop_gradient(part)[:, :steps] for part in self._look(padded, primer)))
