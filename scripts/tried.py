"""Other ways to run an LSTM there and back, beside that of policy/rnn_cells.py, and PyTorch's: for scripts/bench.

Each of WAYS is a function of one-hot inputs [T, B, I] and the weights, and returns hidden states [T, B, U].
"""

import numpy as np
from common import corpus_of, rate

SHAPES = ((100, 64, 32), (256, 64, 40), (512, 128, 40))  # units, batch, steps


def whole_batch(rnn_cells, tf):
    """The product's own unrolling, without halving the batch."""
    return rnn_cells.unroll_lstm


def own_gradient(rnn_cells, tf):
    """TensorFlow's operation for whole sequences, with the gradient that comes with it."""

    def unroll(inputs, kernel, recurrent, bias):
        units, batch = recurrent.shape[0], tf.shape(inputs)[1]
        zeros, unused = tf.zeros([batch, units]), tf.zeros([units])
        return tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(inputs, out_type=tf.int64)[0], x=inputs, cs_prev=zeros, h_prev=zeros,
            w=tf.concat([kernel, recurrent], axis=0), wci=unused, wcf=unused, wco=unused, b=bias,
            forget_bias=0.0, cell_clip=-1.0, use_peephole=False,
        ).h  # fmt: skip

    return unroll


def plain_loop(rnn_cells, tf):
    """A tf.while_loop of cells, differentiated by TensorFlow."""

    def unroll(inputs, kernel, recurrent, bias):
        (steps, batch), units = tf.unstack(tf.shape(inputs)[:2]), recurrent.shape[0]
        x = tf.TensorArray(tf.float32, steps).unstack(tf.tensordot(inputs, kernel, 1) + bias)

        def body(t, h, c, hs):
            h, c = rnn_cells.lstm_cell(x.read(t) + tf.matmul(h, recurrent), c)
            return t + 1, h, c, hs.write(t, h)

        zeros = tf.zeros([batch, units])
        loop = (tf.constant(0), zeros, zeros, tf.TensorArray(tf.float32, steps, element_shape=[None, units]))
        return tf.while_loop(lambda t, *_: t < steps, body, loop, maximum_iterations=steps)[3].stack()

    return unroll


WAYS = {"halves": whole_batch, "whole batch": whole_batch, "own gradient": own_gradient, "plain loop": plain_loop}
WAYS["XLA"] = plain_loop


def unrolling(seconds, way, units, batch, steps, actions=38):
    """Tokens a second of loss and gradients of one layer. All but the halves have every core for each operation."""
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    import tensorflow as tf

    if way != "halves":
        tf.config.threading.set_intra_op_parallelism_threads(tensorflow_setup.cores())

    from seqtutor.policy import rnn_cells
    from seqtutor.policy.sequence_model import side_by_side

    rng = np.random.default_rng(0)
    shapes = ((actions + 1, 4 * units), (units, 4 * units), (4 * units,))
    weights = [tf.Variable(rng.normal(size=shape).astype(np.float32) * 0.1) for shape in shapes]
    tokens = tf.constant(rng.integers(0, actions, (batch, steps)), tf.int32)
    unroll = WAYS[way](rnn_cells, tf)

    def hidden(tokens):
        inputs = tf.one_hot(tf.transpose(tokens), actions + 1)
        return [tf.transpose(unroll(inputs, *map(tf.convert_to_tensor, weights)), [1, 0, 2])]

    @tf.function(autograph=False, jit_compile=way == "XLA")
    def gradients(tokens):
        with tf.GradientTape() as tape:
            (states,) = side_by_side(hidden, tokens) if way == "halves" else hidden(tokens)
            loss = tf.reduce_sum(states**2)
        return tape.gradient(loss, weights)

    def work():
        gradients(tokens)[0].numpy()
        return batch * steps

    return {"tokens/s": rate(work, seconds)}


def pytorch(seconds, config, units, layers, batch):
    """Tokens a second of PyTorch's own LSTM of the same shape, on the same padded batches, one-hot in, with Adam."""
    import torch

    from seqtutor.data.batches import Batches

    resolved, corpus, domain = corpus_of(config)
    batches = Batches(corpus, np.arange(len(corpus)), batch, resolved.data.max_length, domain.vocabulary.pad)
    actions = domain.vocabulary.size
    lstm, head = torch.nn.LSTM(actions + 1, units, layers, batch_first=True), torch.nn.Linear(units, actions)
    weights = [*lstm.parameters(), *head.parameters()]
    optimizer, stream = torch.optim.Adam(weights, 0.001), batches.epoch(np.random.default_rng(0))

    def work():
        nonlocal stream
        pair = next(stream, None)
        if pair is None:
            stream = batches.epoch(np.random.default_rng(0))
            pair = next(stream)
        tokens, lengths = (torch.as_tensor(array, dtype=torch.int64) for array in pair)
        inputs = torch.cat([torch.full((len(tokens), 1), actions), tokens[:, :-1]], 1)
        logits = head(lstm(torch.nn.functional.one_hot(inputs, actions + 1).float())[0])
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
        mask = torch.arange(tokens.shape[1]) < lengths[:, None]
        optimizer.zero_grad()
        ((each * mask).sum() / mask.sum()).backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        return int(lengths.sum())

    return {"tokens/s": rate(work, seconds)}
