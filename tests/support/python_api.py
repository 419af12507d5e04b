"""Sizes and rewards for tests of the Python API, on the chain domain: words of 6 letters a to d."""

import numpy as np

SMALL = {"model.units": 8, "pretrain.epochs": 2, "pretrain.evaluate_every": 10}
TUNE = {
    "tune.rounds": 6, "tune.batch": 16, "tune.minibatch": 16, "tune.replay_ratio": 1.0, "tune.evaluate_every": 2,
}  # fmt: skip


def count_a(tokens, texts):
    """A number for each sequence."""
    return [text.count("a") for text in texts]


def each_a(tokens, texts):
    """A number for each token; their sum is `count_a`."""
    return np.equal(tokens, 0)
