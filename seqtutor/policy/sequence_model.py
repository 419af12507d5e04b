"""The recurrent sequence model: LSTM or GRU layers, a row of logits and a state value for every prefix.

Conventions: the batch leads outside, (B, T, ...); inside, time does, (T, B, ...). The first layer reads tokens, so when
stepping its input product is a row of a table. With an embedding it reads, for each token, a row of E numbers that are
learned: the same functions of tokens, through a product of two matrices. Steps of Adam, which have the size of the rate
in every weight, go further in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.policy import rnn_cells

State = tuple[tf.Tensor, ...]  # LSTM: h and c of each layer in turn; GRU: h of each layer; all [B, units]


class Scores(NamedTuple):
    """What a network says of a state (a prefix): logits [..., A] over the next token, and a value [...]."""

    logits: tf.Tensor
    value: tf.Tensor


def shapes(config: ModelConfig, actions: int, features: int = 0) -> dict[str, tuple[int, ...]]:
    """The shape of every weight of a `SequenceModel`, in their order."""
    gates, inputs = 4 if config.cell == "lstm" else 3, actions + 1
    found: dict[str, tuple[int, ...]] = {}
    if config.embedding:
        found["embedding"] = (inputs, config.embedding)
        inputs = config.embedding
    for i, units in enumerate(config.sizes):
        found[f"layer{i}/kernel"] = (inputs, gates * units)
        found[f"layer{i}/recurrent"] = (units, gates * units)
        found[f"layer{i}/bias"] = (gates * units,)
        inputs = units
    found["logits/kernel"], found["logits/bias"] = (inputs, actions), (actions,)
    found["value/kernel"], found["value/bias"] = (inputs, 1), (1,)
    if features:
        found["features/kernel"], found["features/bias"] = (inputs + features, inputs), (inputs,)
        found["features/logits"], found["features/value"] = (inputs, actions), (inputs, 1)
    return found


def check_shapes(config: ModelConfig, actions: int, arrays: Mapping[str, np.ndarray], features: int = 0) -> None:
    """Raises ValueError that names which weights are missing, left over or of another shape."""
    expected = shapes(config, actions, features)
    missing, extra = expected.keys() - arrays.keys(), arrays.keys() - expected.keys()
    if missing or extra:
        raise ValueError(f"weights missing {sorted(missing)}, left over {sorted(extra)}")
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"weight {name} has shape {arrays[name].shape}, expected {shape}")


class SequenceModel:
    """Weights and the two ways to run them: `step` (one token) and `unroll` (whole sequences); they agree.

    Attributes:
      config: cell, layers, units, embedding; and whether the begin token is read like others, or leaves the state zero.
      features: F, how many features of a state it reads beside tokens; 0: none. They pass one hidden layer, with what
        the recurrent layers put out, and add to logits and value.
      actions: A. Inputs are ids 0 .. A, A being the begin token, which is the first input of a sequence and only that.
      precision: of the recurrent layers in `unroll`, float32 or float16; all else is float32.
      weights: name -> tf.Variable, in a fixed order; `layer0/kernel` has a row for each input id, or where there is an
        `embedding` [A + 1, E] for each of its numbers.
    """

    def __init__(self, config: ModelConfig, actions: int, seed: int = 0, features: int = 0):
        """Fresh weights: Glorot uniform kernels, normal embedding; biases, the value's head and the heads of features
        are zero; all from `seed`.
        """
        self.config, self.actions, self.features, self.precision = config, actions, features, tf.float32
        self._lstm = config.cell == "lstm"
        rng = np.random.default_rng([seed, 0x5EED])
        each = shapes(config, actions, features).items()
        self.weights = {name: tf.Variable(_initial(name, shape, rng), name=name) for name, shape in each}

    @property
    def variables(self) -> list[tf.Variable]:
        """Every weight, in the fixed order of `weights`."""
        return list(self.weights.values())

    def get(self) -> dict[str, np.ndarray]:
        """Copies of every weight."""
        return {name: variable.numpy() for name, variable in self.weights.items()}

    def set(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Sets every weight. Raises ValueError that names what is missing, left over or of another shape."""
        check_shapes(self.config, self.actions, arrays, self.features)
        for name, variable in self.weights.items():
            variable.assign(arrays[name])

    def digest(self) -> bytes:
        """What tells networks apart: a SHA-256 of every weight."""
        total = hashlib.sha256()
        for name, array in self.get().items():
            total.update(name.encode() + array.tobytes())
        return total.digest()

    def zero_heads(self) -> None:
        """Sets all heads to zero, so that every logit and value is 0 whatever the state."""
        for name in ("logits/kernel", "logits/bias", "value/kernel", "value/bias", "features/logits", "features/value"):
            if name in self.weights:
                self.weights[name].assign(tf.zeros_like(self.weights[name]))

    def initial_state(self, batch: int | tf.Tensor) -> State:
        """The state before any input: zeros [B, units] each."""
        return tuple(tf.zeros([batch, units]) for units in self.config.sizes for _ in range(2 if self._lstm else 1))

    def step(self, tokens: tf.Tensor, state: State, features: tf.Tensor | None = None) -> tuple[Scores, State]:
        """One token further: tokens int32 [B], state -> Scores with logits [B, A], value [B]; and the next state.

        features [B, F]: of the state after these tokens; see `unroll`.
        """
        per_layer = 2 if self._lstm else 1
        hidden: tf.Tensor = None
        after: list[tf.Tensor] = []
        new: tuple[tf.Tensor, ...]
        for i in range(self.config.layers):
            kernel, recurrent, bias = self._layer(i)
            old = state[i * per_layer : (i + 1) * per_layer]
            projected = (tf.gather(kernel, tokens) if i == 0 else tf.matmul(hidden, kernel)) + bias
            if self._lstm:
                new = rnn_cells.lstm_cell(projected + tf.matmul(old[0], recurrent), old[1])
            else:
                new = (rnn_cells.gru_cell(projected, recurrent, old[0]),)
            if not self.config.reads_begin:
                read = (tokens != self.actions)[:, None]
                new = tuple(tf.where(read, *pair) for pair in zip(new, old, strict=True))
            hidden = new[0]
            after.extend(new)
        return self._heads(hidden, features), tuple(after)

    def unroll(self, tokens: tf.Tensor, detach_value: bool = False, features: tf.Tensor | None = None) -> Scores:
        """Every prefix of whole sequences, from the state before any input.

        Args:
          tokens: int32 [B, T], the inputs: begin, then the tokens one place to the right.
          detach_value: the value's gradient stops at the value head and does not shape the recurrent layers.
          features: [B, T, F], of each prefix; a network that reads none leaves them out. Raises ValueError where one
            that reads some is given none.
        Returns:
          Scores with logits [B, T, A] and value [B, T]; entry t has read tokens[:, : t + 1].
        """
        hidden = self._hidden(tokens)
        if features is not None:
            features = tf.reshape(features, [-1, features.shape[2]])
        logits, value = self._heads(tf.reshape(hidden, [-1, hidden.shape[2]]), features, detach_value)
        batch, steps = tf.unstack(tf.shape(tokens))
        return Scores(tf.reshape(logits, [batch, steps, self.actions]), tf.reshape(value, [batch, steps]))

    def _hidden(self, tokens: tf.Tensor) -> tf.Tensor:
        """What the last layer puts out after each of tokens [B, T]: [B, T, U]."""
        hidden = tf.one_hot(tf.transpose(tokens), self.actions + 1, dtype=self.precision)  # [T, B, A + 1]
        if not self.config.reads_begin:
            hidden = tf.pad(hidden[1:], [[0, 1], [0, 0], [0, 0]])  # what it gives last is dropped below
        run = rnn_cells.unroll_lstm if self._lstm else rnn_cells.unroll_gru
        for i in range(self.config.layers):
            hidden = run(hidden, *(tf.cast(weight, self.precision) for weight in self._layer(i)))
        if not self.config.reads_begin:
            hidden = tf.pad(hidden, [[1, 0], [0, 0], [0, 0]])[:-1]  # nothing was read yet: h is 0
        return tf.cast(tf.transpose(hidden, [1, 0, 2]), tf.float32)

    def _layer(self, i: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        kernel, recurrent, bias = (self.weights[f"layer{i}/{part}"] for part in ("kernel", "recurrent", "bias"))
        if i == 0 and self.config.embedding:
            kernel = tf.matmul(self.weights["embedding"], kernel)  # a row for each input id
        return kernel, recurrent, bias

    def _heads(self, hidden: tf.Tensor, features: tf.Tensor | None, detach_value: bool = False) -> Scores:
        """Logits [N, A] and values [N] of hidden [N, U] and features [N, F]."""
        w = self.weights
        logits = tf.matmul(hidden, w["logits/kernel"]) + w["logits/bias"]
        seen = tf.stop_gradient(hidden) if detach_value else hidden
        value = tf.matmul(seen, w["value/kernel"]) + w["value/bias"]
        if self.features and features is None:
            raise ValueError("the network reads features, and there are none")
        if self.features:
            both = tf.matmul(tf.concat([hidden, features], axis=1), w["features/kernel"]) + w["features/bias"]
            both = tf.nn.relu(both)
            logits += tf.matmul(both, w["features/logits"])
            value += tf.matmul(tf.stop_gradient(both) if detach_value else both, w["features/value"])
        return Scores(logits, value[:, 0])


def side_by_side(function: Callable[..., Sequence[tf.Tensor]], *batch: tf.Tensor) -> list[tf.Tensor]:
    """What function(*batch) returns, each [B, ...] as the arguments are, from two halves of the batch in one graph.

    Two cores each work on their own half, which at the sizes of minibatches is faster than both on one product. The
    halves do not depend on the machine, and so neither do the sums.
    """
    half = tf.shape(batch[0])[0] // 2
    parts = [function(*(each[:half] for each in batch)), function(*(each[half:] for each in batch))]
    return [tf.concat(pair, axis=0) for pair in zip(*parts, strict=True)]


def shift_right(tokens: tf.Tensor, begin: int, primer: tf.Tensor | None = None) -> tf.Tensor:
    """The inputs that predict tokens [B, T]: begin, the primer [B, P] if any, then all tokens but the last."""
    first = tf.fill([tf.shape(tokens)[0], 1], begin)
    parts = [first, tokens[:, :-1]] if primer is None else [first, primer, tokens[:, :-1]]
    return tf.concat(parts, axis=1)


def _initial(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.startswith(("value", "features/logits", "features/value")) or name.endswith("bias"):
        return np.zeros(shape, np.float32)
    if name == "embedding":
        return rng.standard_normal(shape).astype(np.float32)
    fan_out = shape[0] if name.endswith("recurrent") else shape[1]  # a gate's own width, not all gates together
    limit = np.sqrt(6.0 / (shape[0] + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
