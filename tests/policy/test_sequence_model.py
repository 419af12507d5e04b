"""The two ways to run a network agree with each other, with a plain numpy LSTM, and with Keras' own layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.policy.sequence_model import SequenceModel, shift_right

ACTIONS = 5


def random_model(cell="lstm", layers=2, units=7, seed=3):
    model = SequenceModel(ModelConfig(cell=cell, layers=layers, units=units), ACTIONS, seed)
    rng = np.random.default_rng(seed)
    model.set({name: rng.normal(size=a.shape).astype(np.float32) * 0.7 for name, a in model.get().items()})
    return model


def by_steps(model, tokens):
    state, logits, values = model.initial_state(len(tokens)), [], []
    for t in range(tokens.shape[1]):
        scores, state = model.step(tf.constant(tokens[:, t]), state)
        logits.append(scores.logits)
        values.append(scores.value)
    return np.stack(logits, 1), np.stack(values, 1)


TOKENS = np.random.default_rng(0).integers(0, ACTIONS + 1, (4, 9)).astype(np.int32)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 3])
def test_unroll_equals_steps(cell, layers):
    model = random_model(cell, layers)
    scores = model.unroll(tf.constant(TOKENS))
    logits, values = by_steps(model, TOKENS)
    np.testing.assert_allclose(scores.logits, logits, atol=2e-6)
    np.testing.assert_allclose(scores.value, values, atol=2e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_batch_equals_its_rows_and_later_tokens_change_nothing(cell):
    model = random_model(cell)
    whole = model.unroll(tf.constant(TOKENS)).logits
    for row in range(len(TOKENS)):
        np.testing.assert_allclose(model.unroll(tf.constant(TOKENS[row : row + 1])).logits[0], whole[row], atol=2e-6)
    np.testing.assert_allclose(model.unroll(tf.constant(TOKENS[:, :4])).logits, whole[:, :4], atol=2e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("length", [1, 2, 9])
def test_a_begin_token_that_is_not_read_leaves_the_state_zero(cell, length):
    """Layers of several sizes; what follows equals a network that reads the same tokens without a begin token."""
    config = ModelConfig(cell=cell, layers=2, units=(7, 4), reads_begin=False)
    model = SequenceModel(config, ACTIONS, 3)
    reading = SequenceModel(ModelConfig(cell=cell, layers=2, units=(7, 4)), ACTIONS)
    rng = np.random.default_rng(3)
    model.set({name: rng.normal(size=a.shape).astype(np.float32) * 0.7 for name, a in model.get().items()})
    reading.set(model.get())
    tokens = rng.integers(0, ACTIONS, (4, length)).astype(np.int32)
    tokens[:, 0] = ACTIONS
    scores = model.unroll(tf.constant(tokens))
    logits, values = by_steps(model, tokens)
    np.testing.assert_allclose(scores.logits, logits, atol=2e-6)
    np.testing.assert_allclose(scores.value, values, atol=2e-6)
    np.testing.assert_allclose(logits[:, 0], np.tile(model.get()["logits/bias"], (4, 1)), atol=1e-6)
    if length > 1:
        np.testing.assert_allclose(scores.logits[:, 1:], reading.unroll(tf.constant(tokens[:, 1:])).logits, atol=2e-6)


def test_lstm_equals_keras():
    """One-hot inputs through keras.layers.LSTM with our kernels; its gates stand i, f, j, o, ours i, j, f, o."""
    model, units = random_model(layers=1), 7
    weights = model.get()

    def reorder(array):
        i, j, f, o = np.split(array, 4, axis=-1)
        return np.concatenate([i, f, j, o], axis=-1)

    layer = keras.layers.LSTM(units, return_sequences=True)
    inputs = tf.one_hot(TOKENS, ACTIONS + 1)
    layer.build(inputs.shape)
    layer.set_weights([reorder(weights[f"layer0/{part}"]) for part in ("kernel", "recurrent", "bias")])
    logits = layer(inputs) @ weights["logits/kernel"] + weights["logits/bias"]
    np.testing.assert_allclose(model.unroll(tf.constant(TOKENS)).logits, logits, atol=5e-6)


def test_gru_equals_keras():
    model, units = random_model("gru", 1), 7
    weights = model.get()
    layer = keras.layers.GRU(units, return_sequences=True, reset_after=False)
    inputs = tf.one_hot(TOKENS, ACTIONS + 1)
    layer.build(inputs.shape)
    layer.set_weights([weights[f"layer0/{part}"] for part in ("kernel", "recurrent", "bias")])
    logits = layer(inputs) @ weights["logits/kernel"] + weights["logits/bias"]
    np.testing.assert_allclose(model.unroll(tf.constant(TOKENS)).logits, logits, atol=5e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradient_equals_that_of_the_steps(cell):
    """The fused kernel's gradient against TensorFlow's own of the same network written step by step."""
    model = random_model(cell)
    tokens, labels = tf.constant(TOKENS[:, :-1]), tf.constant(np.minimum(TOKENS[:, 1:], ACTIONS - 1))

    def loss(logits):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    with tf.GradientTape() as tape:
        fused = loss(model.unroll(tokens).logits)
    fused_gradients = tape.gradient(fused, model.variables, unconnected_gradients="zero")
    with tf.GradientTape() as tape:
        state, logits = model.initial_state(len(TOKENS)), []
        for t in range(tokens.shape[1]):
            scores, state = model.step(tokens[:, t], state)
            logits.append(scores.logits)
        stepped = loss(tf.stack(logits, axis=1))
    stepped_gradients = tape.gradient(stepped, model.variables, unconnected_gradients="zero")
    for name, a, b in zip(model.weights, fused_gradients, stepped_gradients, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(a), tf.convert_to_tensor(b), atol=2e-6, err_msg=name)


def test_shift_right():
    tokens, primer = tf.constant([[1, 2, 3]]), tf.constant([[4]])
    assert shift_right(tokens, 5).numpy().tolist() == [[5, 1, 2]]
    assert shift_right(tokens, 5, primer).numpy().tolist() == [[5, 4, 1, 2]]


def test_set_names_what_does_not_fit():
    model = random_model()
    arrays = model.get()
    with pytest.raises(ValueError, match=r"missing \['layer0/bias'\]"):
        model.set({name: a for name, a in arrays.items() if name != "layer0/bias"})
    with pytest.raises(ValueError, match="layer0/bias has shape"):
        model.set({**arrays, "layer0/bias": np.zeros(3, np.float32)})


def test_fresh_weights_come_from_the_seed():
    a, b, c = (SequenceModel(ModelConfig(), ACTIONS, seed).get() for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["layer0/kernel"], c["layer0/kernel"])
