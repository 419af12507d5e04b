"""The recurrent cells and their unrolling over time, features first: inputs [T, I, B], states [U, B].

With weights as rows, W [4U, I] @ x [I, B], a CPU's matrix product packs the large factor fast; x @ W is up to half
as fast forwards, and its gradient a tenth, at the widths of minibatches. The gradient of the LSTM is written out
(Graves 2012, sec. 4.6, without peepholes), so that the loop back through time has one product a step, and that for
the weights is one large product over all steps at the end, not a sum of T small ones.

Gate order of an LSTM is i, j, f, o (input, new content, forget, output; Hochreiter & Schmidhuber 1997, with the
forget gate of Gers et al. 2000); of a GRU z, r, n (Cho et al. 2014, reset before the product).
"""

from __future__ import annotations

import tensorflow as tf

_ANY = tf.TensorShape(None)


def lstm_cell(projected: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One step: c' = s(f) c + s(i) tanh(j), h' = s(o) tanh(c'). projected [4U, B], c [U, B] -> h', c' [U, B]."""
    h, c, *_ = _lstm_cell(projected, c)
    return h, c


def _lstm_cell(projected: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """h', c' and what the gradient needs: the four gates and tanh(c')."""
    i, j, f, o = tf.split(projected, 4)
    i, j, f, o = tf.sigmoid(i), tf.tanh(j), tf.sigmoid(f), tf.sigmoid(o)
    c = f * c + i * j
    squashed = tf.tanh(c)
    return o * squashed, c, i, j, f, o, squashed


def gru_cell(projected: tf.Tensor, recurrent: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    """One step: h' = z h + (1 - z) tanh(n + R_n (r h)). projected [3U, B], recurrent [3U, U], h [U, B] -> h' [U, B]."""
    units = recurrent.shape[1]
    gates = tf.sigmoid(projected[: 2 * units] + tf.matmul(recurrent[: 2 * units], h))
    z, r = tf.split(gates, 2)
    new = tf.tanh(projected[2 * units :] + tf.matmul(recurrent[2 * units :], r * h))
    return z * h + (1 - z) * new


@tf.custom_gradient
def unroll_lstm(inputs: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor):
    """Hidden states [T, U, B] of inputs [T, I, B], from a state of zeros; any T and B with one graph.

    Args: kernel [4U, I], recurrent [4U, U], bias [4U].
    """
    units, size = recurrent.shape[1], inputs.shape[1]
    steps, batch = tf.shape(inputs)[0], tf.shape(inputs)[2]
    weights, column = tf.concat([kernel, recurrent], axis=1), bias[:, None]
    x, zeros = _array(steps, size).unstack(inputs), tf.zeros([units, batch])

    def forward(t, h, c, hs, cs, kept):
        projected = tf.matmul(weights, tf.concat([x.read(t), h], axis=0)) + column
        h, c, *values = _lstm_cell(projected, c)
        kept = [array.write(t, value) for array, value in zip(kept, values, strict=True)]
        return t + 1, h, c, hs.write(t, h), cs.write(t + 1, c), kept

    arrays = (_array(steps, units), _array(steps + 1, units).write(0, zeros), [_array(steps, units) for _ in range(5)])
    state = tf.TensorShape([units, None])
    shapes = (tf.TensorShape([]), state, state, _ANY, _ANY, [_ANY] * 5)
    loop = (tf.constant(0), zeros, zeros, *arrays)
    *_, hs, cs, kept = tf.while_loop(lambda t, *_: t < steps, forward, loop, shapes, maximum_iterations=steps)
    hidden = tf.reshape(hs.stack(), [steps, units, batch])  # says the shape where there are no steps

    def gradient(upstream: tf.Tensor):
        above, back = _array(steps, units).unstack(upstream), tf.transpose(recurrent)

        def backward(t, dh, dc, found):
            i, j, f, o, squashed = (array.read(t) for array in kept)
            dh = above.read(t) + dh
            dc = dc + _dtanh(squashed, dh * o)
            gates = [
                _dsigmoid(i, dc * j),
                _dtanh(j, dc * i),
                _dsigmoid(f, dc * cs.read(t)),
                _dsigmoid(o, dh * squashed),
            ]
            gates = tf.concat(gates, axis=0)
            return t - 1, tf.matmul(back, gates), dc * f, found.write(t, gates)

        loop = (steps - 1, zeros, zeros, _array(steps, 4 * units))
        shapes = (tf.TensorShape([]), state, state, _ANY)
        *_, found = tf.while_loop(lambda t, *_: t >= 0, backward, loop, shapes, maximum_iterations=steps)
        gates = _side_by_side(found.stack(), 4 * units)
        before = tf.concat([zeros[None], hidden], axis=0)[:-1]
        dweights = tf.matmul(gates, _side_by_side(tf.concat([inputs, before], axis=1), size + units), transpose_b=True)
        dinputs = tf.transpose(tf.reshape(tf.matmul(tf.transpose(kernel), gates), [size, steps, batch]), [1, 0, 2])
        return dinputs, dweights[:, :size], dweights[:, size:], tf.reduce_sum(gates, axis=1)

    return hidden, gradient


def unroll_gru(inputs: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Hidden states [T, U, B] of inputs [T, I, B], from a state of zeros.

    Args: kernel [3U, I], recurrent [3U, U], bias [3U].
    """
    steps, batch, units = tf.shape(inputs)[0], tf.shape(inputs)[2], recurrent.shape[1]
    x = _array(steps, inputs.shape[1]).unstack(inputs)

    def forward(t, h, hs):
        h = gru_cell(tf.matmul(kernel, x.read(t)) + bias[:, None], recurrent, h)
        return t + 1, h, hs.write(t, h)

    loop = (tf.constant(0), tf.zeros([units, batch]), _array(steps, units))
    shapes = (tf.TensorShape([]), tf.TensorShape([units, None]), _ANY)
    *_, hs = tf.while_loop(lambda t, *_: t < steps, forward, loop, shapes, maximum_iterations=steps)
    return tf.reshape(hs.stack(), [steps, units, batch])


def _array(steps: tf.Tensor, rows: int) -> tf.TensorArray:
    """One value [rows, B] a step; read as often as wanted."""
    return tf.TensorArray(tf.float32, steps, clear_after_read=False, element_shape=[rows, None])


def _side_by_side(values: tf.Tensor, rows: int) -> tf.Tensor:
    """[T, rows, B] -> [rows, T B]."""
    return tf.reshape(tf.transpose(values, [1, 0, 2]), [rows, tf.shape(values)[0] * tf.shape(values)[2]])


def _dsigmoid(y: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def _dtanh(y: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.TanhGrad(y=y, dy=dy)
