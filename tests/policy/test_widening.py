"""A wider network computes the same function, and all of its new weights can learn."""

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.policy.widening import widened


@pytest.mark.parametrize(("cell", "sizes", "units"), [("lstm", (5,), 9), ("gru", (4, 6), 7), ("lstm", (3, 3), 3)])
@pytest.mark.parametrize(("reads_begin", "features"), [(True, 0), (False, 0), (True, 6)])
def test_the_function_stays_and_every_unit_learns(cell, sizes, units, reads_begin, features):
    config = ModelConfig(cell=cell, layers=len(sizes), units=sizes, reads_begin=reads_begin)
    network, rng = SequenceModel(config, 4, seed=1, features=features), np.random.default_rng(0)
    network.set({name: rng.normal(size=array.shape).astype(np.float32) for name, array in network.get().items()})
    wide = widened(network, config.widened(units), seed=2)
    tokens = rng.integers(0, 4, (3, 6)).astype(np.int32)
    tokens[:, 0] = 4
    known = rng.random((3, 6, features)).astype(np.float32) if features else None
    for old, new in zip(*(each.unroll(tokens, features=known) for each in (network, wide)), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(wide.unroll(tokens, features=known).logits ** 2)
    head = tape.gradient(loss, wide.weights["logits/kernel"]).numpy()
    assert (np.abs(head).sum(axis=1) > 0).all()


@pytest.mark.parametrize(("cell", "reads_begin"), [("lstm", True), ("gru", False)])
def test_an_embedding_changes_nothing_at_first_and_learns(cell, reads_begin):
    config = ModelConfig(cell=cell, units=5, layers=2, reads_begin=reads_begin)
    network, rng = SequenceModel(config, 4, seed=1), np.random.default_rng(0)
    network.set({name: rng.normal(size=array.shape).astype(np.float32) for name, array in network.get().items()})
    tokens = rng.integers(0, 4, (3, 6)).astype(np.int32)
    tokens[:, 0] = 4
    first = widened(network, config.widened(0, 5), seed=2)  # five rows: four tokens and the beginning
    second = widened(first, config.widened(7, 12), seed=3)
    for wide in (first, second):
        for old, new in zip(network.unroll(tokens), wide.unroll(tokens), strict=True):
            np.testing.assert_allclose(old, new, atol=1e-4)
        state = wide.initial_state(3)
        for t in range(6):
            scores, state = wide.step(tf.constant(tokens[:, t]), state)
            np.testing.assert_allclose(scores.logits, wide.unroll(tokens).logits[:, t], atol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(second.unroll(tokens).logits ** 2)
    table = tape.gradient(loss, second.weights["embedding"]).numpy()
    assert (np.abs(table[:4]).sum(axis=1) > 0).all()
    assert np.abs(table[4]).sum() > 0 or not reads_begin


def test_an_embedding_too_small_is_refused():
    config = ModelConfig(units=5)
    network = SequenceModel(config, 3)
    with pytest.raises(UserError, match="give 4 or more"):
        widened(network, config.widened(0, 3), 0)
    with pytest.raises(ValueError, match="an embedding of 6 numbers cannot become one of 5"):
        widened(widened(network, config.widened(0, 6), 0), config.widened(0, 5), 0)


def test_a_network_cannot_be_narrowed():
    config = ModelConfig(units=5)
    with pytest.raises(ValueError, match="5 units"):
        widened(SequenceModel(config, 3), config.widened(4), 0)
