"""A wider network computes the same function, and all of its new weights can learn."""

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.policy.widening import widened


@pytest.mark.parametrize(("cell", "sizes", "units"), [("lstm", (5,), 9), ("gru", (4, 6), 7), ("lstm", (3, 3), 3)])
@pytest.mark.parametrize("reads_begin", [True, False])
def test_the_function_stays_and_every_unit_learns(cell, sizes, units, reads_begin):
    config = ModelConfig(cell=cell, layers=len(sizes), units=sizes, reads_begin=reads_begin)
    network, rng = SequenceModel(config, 4, seed=1), np.random.default_rng(0)
    network.set({name: rng.normal(size=array.shape).astype(np.float32) for name, array in network.get().items()})
    wide = widened(network, config.widened(units), seed=2)
    tokens = rng.integers(0, 4, (3, 6)).astype(np.int32)
    tokens[:, 0] = 4
    for old, new in zip(network.unroll(tokens), wide.unroll(tokens), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(wide.unroll(tokens).logits ** 2)
    head = tape.gradient(loss, wide.weights["logits/kernel"]).numpy()
    assert (np.abs(head).sum(axis=1) > 0).all()


def test_a_network_cannot_be_narrowed():
    config = ModelConfig(units=5)
    with pytest.raises(ValueError, match="5 units"):
        widened(SequenceModel(config, 3), config.widened(4), 0)
