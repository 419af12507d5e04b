"""What a reward knows of the next token: what a tuned policy need not learn, and what it is easier to learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf

State = tuple["tf.Tensor", ...]  # float32 [B, ...]


class Seen(NamedTuple):
    """What is known of B sequences before their next token.

    Attributes:
      rewards: r / c that each token would earn as the next one, float32 [B, A], in nats. It may leave out a part of the
        reward, which a policy then learns.
      features: what the reward counts in the sequence so far, float32 [B, F], of the size of 1.
    """

    rewards: tf.Tensor
    features: tf.Tensor


class Lookahead(ABC):
    """Looks one token ahead while sequences grow, as TensorFlow operations, so that a policy can do it at each step.

    While a policy is tuned, XLA compiles them: shapes may depend on B and T, not on values, and no Python is called.

    Attributes:
      sizes: of each part of the state.
      width: F, the number of features.
      reads_primers: whether it is told the tokens of a primer too, for they are part of the sequence.
    """

    sizes: tuple[int, ...]
    width: int
    reads_primers: bool = False

    @abstractmethod
    def advance(self, tokens: tf.Tensor, state: State) -> State:
        """The state after one more token of each sequence, int32 [B]. It has parts [B, S], of all sizes in turn."""

    @abstractmethod
    def look(self, state: State) -> Seen:
        """What is known in a state."""

    def initial_state(self, batch: int | tf.Tensor) -> State:
        """The state of sequences without a token: zeros."""
        import tensorflow as tf

        return tuple(tf.zeros([batch, size]) for size in self.sizes)

    def unroll(self, tokens: tf.Tensor, primers: tf.Tensor | None = None) -> Seen:
        """What is known before each of tokens int32 [B, T] that follow primers int32 [B, P]: parts [B, T, ...]."""
        import tensorflow as tf

        if primers is not None and self.reads_primers:
            seen = self.unroll(tf.concat([primers, tokens], axis=1))
            return Seen(*(part[:, tf.shape(primers)[1] :] for part in seen))
        batch, steps = tf.unstack(tf.shape(tokens))
        by_time = tf.transpose(tokens)
        arrays = [tf.TensorArray(tf.float32, steps, element_shape=[None, size]) for size in self.sizes]

        def body(t: tf.Tensor, state: State, arrays: list[tf.TensorArray]) -> tuple[object, ...]:
            arrays = [array.write(t, part) for array, part in zip(arrays, state, strict=True)]
            return t + 1, self.advance(by_time[t], state), arrays

        loop = (tf.constant(0), self.initial_state(batch), arrays)
        arrays = tf.while_loop(lambda t, *_: t < steps, body, loop)[2]
        states = zip(arrays, self.sizes, strict=True)
        seen = self.look(tuple(tf.reshape(array.stack(), [-1, size]) for array, size in states))
        by_time = (tf.reshape(part, [steps, batch, part.shape[1]]) for part in seen)
        return Seen(*(tf.transpose(part, [1, 0, 2]) for part in by_time))
