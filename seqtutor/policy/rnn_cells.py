"""The recurrent cells and their unrolling over time, time first: inputs [T, B, I], states [B, U].

Forwards an LSTM is TensorFlow's one operation for whole sequences. That operation's own gradient makes the weights'
as a sum of T small products; here it is written out (Graves 2012, sec. 4.6, without peepholes), so that the loop back
through time has one product a step, and the weights' gradient is one large product over all steps at the end.

Gate order of an LSTM is i, j, f, o (input, new content, forget, output; Hochreiter & Schmidhuber 1997, with the
forget gate of Gers et al. 2000); of a GRU z, r, n (Cho et al. 2014, reset before the product).
"""

from __future__ import annotations

import tensorflow as tf

_ANY = tf.TensorShape(None)


def lstm_cell(projected: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One step: c' = s(f) c + s(i) tanh(j), h' = s(o) tanh(c'). projected [B, 4U], c [B, U] -> h', c' [B, U]."""
    i, j, f, o = tf.split(projected, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
    return tf.sigmoid(o) * tf.tanh(c), c


def gru_cell(projected: tf.Tensor, recurrent: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    """One step: h' = z h + (1 - z) tanh(n + (r h) R_n). projected [B, 3U], recurrent [U, 3U], h [B, U] -> h' [B, U]."""
    units = recurrent.shape[0]
    gates = tf.sigmoid(projected[:, : 2 * units] + tf.matmul(h, recurrent[:, : 2 * units]))
    z, r = tf.split(gates, 2, axis=1)
    new = tf.tanh(projected[:, 2 * units :] + tf.matmul(r * h, recurrent[:, 2 * units :]))
    return z * h + (1 - z) * new


@tf.custom_gradient
def unroll_lstm(inputs: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor):
    """Hidden states [T, B, U] of inputs [T, B, I], from a state of zeros; any T and B with one graph.

    Args: kernel [I, 4U], recurrent [U, 4U], bias [4U].
    """
    (size, units), (steps, batch) = (kernel.shape[0], recurrent.shape[0]), tf.unstack(tf.shape(inputs)[:2])
    zeros, weights = tf.zeros([batch, units], inputs.dtype), tf.concat([kernel, recurrent], axis=0)
    unused = dict.fromkeys(("wci", "wcf", "wco"), tf.zeros([units], inputs.dtype))  # of peepholes
    kept = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.cast(steps, tf.int64), x=inputs, cs_prev=zeros, h_prev=zeros, w=weights, b=bias, **unused,
        forget_bias=0.0, cell_clip=-1.0, use_peephole=False,
    )  # fmt: skip

    def gradient(upstream: tf.Tensor):
        names = ("i", "cs", "f", "o", "ci", "co")
        of_step = {name: _array(steps, units, upstream.dtype).unstack(getattr(kept, name)) for name in names}
        of_step["cs_prev"] = _array(steps, units, upstream.dtype).unstack(_shifted(kept.cs))
        above, back = _array(steps, units, upstream.dtype).unstack(upstream), tf.transpose(recurrent)
        nothing = {"x": tf.zeros([batch, size], inputs.dtype), "h_prev": zeros}  # only their shapes are read

        def backward(t, dh, dc, found):
            values = {name: array.read(t) for name, array in of_step.items()}
            cell = tf.raw_ops.LSTMBlockCellGrad(
                **values, **nothing, **unused, w=weights, b=bias, cs_grad=dc, h_grad=above.read(t) + dh,
                use_peephole=False,
            )  # fmt: skip
            return t - 1, tf.matmul(cell.dicfo, back), cell.cs_prev_grad, found.write(t, cell.dicfo)

        loop = (steps - 1, zeros, zeros, _array(steps, 4 * units, upstream.dtype))
        state = tf.TensorShape([None, units])
        shapes = (tf.TensorShape([]), state, state, _ANY)
        *_, found = tf.while_loop(lambda t, *_: t >= 0, backward, loop, shapes, maximum_iterations=steps)
        gates = tf.reshape(found.stack(), [steps * batch, 4 * units])
        read = tf.reshape(tf.concat([inputs, _shifted(kept.h)], axis=2), [steps * batch, size + units])
        dweights = tf.matmul(read, gates, transpose_a=True)
        dinputs = tf.reshape(tf.matmul(gates, kernel, transpose_b=True), [steps, batch, size])
        return dinputs, dweights[:size], dweights[size:], tf.reduce_sum(gates, axis=0)

    return kept.h, gradient


def unroll_gru(inputs: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Hidden states [T, B, U] of inputs [T, B, I], from a state of zeros.

    Args: kernel [I, 3U], recurrent [U, 3U], bias [3U].
    """
    (steps, batch), units = tf.unstack(tf.shape(inputs)[:2]), recurrent.shape[0]
    projected = tf.reshape(
        tf.matmul(tf.reshape(inputs, [-1, inputs.shape[2]]), kernel) + bias, [steps, batch, 3 * units]
    )
    x = _array(steps, 3 * units, inputs.dtype).unstack(projected)

    def forward(t, h, hs):
        h = gru_cell(x.read(t), recurrent, h)
        return t + 1, h, hs.write(t, h)

    loop = (tf.constant(0), tf.zeros([batch, units], inputs.dtype), _array(steps, units, inputs.dtype))
    shapes = (tf.TensorShape([]), tf.TensorShape([None, units]), _ANY)
    *_, hs = tf.while_loop(lambda t, *_: t < steps, forward, loop, shapes, maximum_iterations=steps)
    return tf.reshape(hs.stack(), [steps, batch, units])  # says the shape where there are no steps


def _array(steps: tf.Tensor, width: int, dtype: tf.DType) -> tf.TensorArray:
    """One value [B, width] a step; read as often as wanted."""
    return tf.TensorArray(dtype, steps, clear_after_read=False, element_shape=[None, width])


def _shifted(values: tf.Tensor) -> tf.Tensor:
    """values [T, B, U] one step later, after zeros: what stood before each step."""
    return tf.pad(values, [[1, 0], [0, 0], [0, 0]])[:-1]
