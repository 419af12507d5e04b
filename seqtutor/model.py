"""The recurrent sequence model: LSTM or GRU layers, a row of logits and a state value for every prefix.

Conventions: time is the leading axis inside (T, B, ...), the batch leads outside (B, T, ...). The first
layer reads tokens, so its input product is a row of a table: no embedding, no one-hot multiplication
when stepping. Gate order of an LSTM is i, j, f, o as in TensorFlow's own cells (i input, j new content,
f forget, o output; Hochreiter & Schmidhuber 1997); of a GRU z, r, n (Cho et al. 2014, reset before the product).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from seqtutor.config import ModelConfig

State = tuple[tf.Tensor, ...]  # LSTM: h and c of each layer in turn; GRU: h of each layer


class Scores(NamedTuple):
    """What a network says of a state (a prefix): logits [..., A] over the next token, and a value [...]."""

    logits: tf.Tensor
    value: tf.Tensor


class SequenceModel:
    """Weights and the two ways to run them: `step` (one token) and `unroll` (whole sequences); they agree.

    Attributes:
      config: cell, layers, units; and whether the begin token is an input like others, or leaves the state zero.
      actions: A. Inputs are ids 0 .. A, A being the begin token, which is the first input of a sequence and only that.
      weights: name -> tf.Variable, in a fixed order; `layer0/kernel` has a row for each input id.
    """

    def __init__(self, config: ModelConfig, actions: int, seed: int = 0):
        """Fresh weights: Glorot uniform kernels, zero biases, zero value head; all from `seed`."""
        self.config, self.actions = config, actions
        self._lstm = config.cell == "lstm"
        gates = 4 if self._lstm else 3
        rng = np.random.default_rng([seed, 0x5EED])
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = actions + 1
        for i, units in enumerate(config.sizes):
            shapes[f"layer{i}/kernel"] = (inputs, gates * units)
            shapes[f"layer{i}/recurrent"] = (units, gates * units)
            shapes[f"layer{i}/bias"] = (gates * units,)
            inputs = units
        shapes["logits/kernel"], shapes["logits/bias"] = (inputs, actions), (actions,)
        shapes["value/kernel"], shapes["value/bias"] = (inputs, 1), (1,)
        self.weights = {name: tf.Variable(_initial(name, shape, rng), name=name) for name, shape in shapes.items()}

    @property
    def variables(self) -> list[tf.Variable]:
        """Every weight, in the fixed order of `weights`."""
        return list(self.weights.values())

    def get(self) -> dict[str, np.ndarray]:
        """Copies of every weight."""
        return {name: variable.numpy() for name, variable in self.weights.items()}

    def set(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Sets every weight. Raises ValueError that names what is missing, left over or of another shape."""
        missing, extra = self.weights.keys() - arrays.keys(), arrays.keys() - self.weights.keys()
        if missing or extra:
            raise ValueError(f"weights missing {sorted(missing)}, left over {sorted(extra)}")
        for name, variable in self.weights.items():
            if tuple(arrays[name].shape) != tuple(variable.shape):
                raise ValueError(f"weight {name} has shape {arrays[name].shape}, expected {tuple(variable.shape)}")
        for name, variable in self.weights.items():
            variable.assign(arrays[name])

    def zero_heads(self) -> None:
        """Sets both heads to zero, so that every logit and value is 0 whatever the state."""
        for name in ("logits/kernel", "logits/bias", "value/kernel", "value/bias"):
            self.weights[name].assign(tf.zeros_like(self.weights[name]))

    def initial_state(self, batch: int | tf.Tensor) -> State:
        """The state before any input: zeros [B, units] each."""
        return tuple(tf.zeros([batch, units]) for units in self.config.sizes for _ in range(2 if self._lstm else 1))

    def step(self, tokens: tf.Tensor, state: State) -> tuple[Scores, State]:
        """One token further: tokens int32 [B], state -> Scores with logits [B, A], value [B]; and the next state."""
        per_layer = 2 if self._lstm else 1
        inputs, after = None, []
        for i in range(self.config.layers):
            kernel, recurrent, bias = self._layer(i)
            projected = bias + (tf.gather(kernel, tokens) if i == 0 else tf.matmul(inputs, kernel))
            cell = _lstm_cell if self._lstm else _gru_cell
            old = state[i * per_layer : (i + 1) * per_layer]
            new = cell(projected, recurrent, *old)
            if not self.config.reads_begin:
                read = (tokens != self.actions)[:, None]
                new = [tf.where(read, *pair) for pair in zip(new, old, strict=True)]
            inputs = new[0]
            after.extend(new)
        return self._heads(inputs), tuple(after)

    def unroll(self, tokens: tf.Tensor, detach_value: bool = False) -> Scores:
        """Every prefix of whole sequences, from the state before any input.

        Args:
          tokens: int32 [B, T], the inputs: begin, then the tokens one place to the right.
          detach_value: the value's gradient stops at the value head and does not shape the recurrent layers.
        Returns:
          Scores with logits [B, T, A] and value [B, T]; entry t has read tokens[:, : t + 1].
        """
        hidden = tf.transpose(tokens if self.config.reads_begin else tokens[:, 1:])  # [T, B]
        for i in range(self.config.layers):
            kernel, recurrent, bias = self._layer(i)
            if self._lstm:
                inputs = tf.one_hot(hidden, self.actions + 1) if i == 0 else hidden
                hidden = _unroll_lstm(inputs, kernel, recurrent, bias)
            else:
                projected = bias + (tf.gather(kernel, hidden) if i == 0 else tf.matmul(hidden, kernel))
                hidden = _unroll_gru(projected, recurrent)
        if not self.config.reads_begin:
            hidden = tf.pad(hidden, [[1, 0], [0, 0], [0, 0]])  # nothing was read yet: h is 0
        return self._heads(tf.transpose(hidden, [1, 0, 2]), detach_value)

    def _layer(self, i: int) -> tuple[tf.Variable, tf.Variable, tf.Variable]:
        return tuple(self.weights[f"layer{i}/{part}"] for part in ("kernel", "recurrent", "bias"))

    def _heads(self, hidden: tf.Tensor, detach_value: bool = False) -> Scores:
        w = self.weights
        logits = tf.tensordot(hidden, w["logits/kernel"], 1) + w["logits/bias"]
        seen = tf.stop_gradient(hidden) if detach_value else hidden
        value = tf.tensordot(seen, w["value/kernel"], 1) + w["value/bias"]
        return Scores(logits, value[..., 0])


def shift_right(tokens: tf.Tensor, begin: int, primer: tf.Tensor | None = None) -> tf.Tensor:
    """The inputs that predict tokens [B, T]: begin, the primer [B, P] if any, then all tokens but the last."""
    first = tf.fill([tf.shape(tokens)[0], 1], begin)
    parts = [first, tokens[:, :-1]] if primer is None else [first, primer, tokens[:, :-1]]
    return tf.concat(parts, axis=1)


def _initial(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if name.startswith("value") or name.endswith("bias"):
        return np.zeros(shape, np.float32)
    fan_out = shape[0] if name.endswith("recurrent") else shape[1]  # a gate's own width, not all gates together
    limit = np.sqrt(6.0 / (shape[0] + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def _lstm_cell(projected: tf.Tensor, recurrent: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> State:
    i, j, f, o = tf.split(projected + tf.matmul(h, recurrent), 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
    return tf.sigmoid(o) * tf.tanh(c), c


def _gru_cell(projected: tf.Tensor, recurrent: tf.Tensor, h: tf.Tensor) -> State:
    units = h.shape[-1]
    gates = tf.sigmoid(projected[:, : 2 * units] + tf.matmul(h, recurrent[:, : 2 * units]))
    z, r = tf.split(gates, 2, axis=-1)
    new = tf.tanh(projected[:, 2 * units :] + tf.matmul(r * h, recurrent[:, 2 * units :]))
    return (z * h + (1 - z) * new,)


def _unroll_lstm(inputs: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Hidden states [T, B, U] of inputs [T, B, I] by TensorFlow's fused kernel: any T and B with one graph."""
    units, batch = recurrent.shape[0], tf.shape(inputs)[1]
    zeros, unused = tf.zeros([batch, units]), tf.zeros([units])
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(inputs, out_type=tf.int64)[0], x=inputs, cs_prev=zeros, h_prev=zeros,
        w=tf.concat([kernel, recurrent], axis=0), wci=unused, wcf=unused, wco=unused, b=bias,
        forget_bias=0.0, cell_clip=-1.0, use_peephole=False,
    ).h  # fmt: skip


def _unroll_gru(projected: tf.Tensor, recurrent: tf.Tensor) -> tf.Tensor:
    """Hidden states [T, B, U] from the projected inputs [T, B, 3U]."""
    steps, batch, units = tf.shape(projected)[0], tf.shape(projected)[1], recurrent.shape[0]
    xs = tf.TensorArray(tf.float32, steps).unstack(projected)
    hs = tf.TensorArray(tf.float32, steps, element_shape=[None, units])

    def body(t, h, hs):
        (h,) = _gru_cell(xs.read(t), recurrent, h)
        return t + 1, h, hs.write(t, h)

    start = (tf.constant(0), tf.zeros([batch, units]), hs)
    _, _, hs = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
    return tf.reshape(hs.stack(), [steps, batch, units])  # says the shape where there are no steps
