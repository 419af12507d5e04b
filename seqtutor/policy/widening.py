"""A wider network that computes the same function: where a tuned network starts that has more units than its prior."""

from __future__ import annotations

import numpy as np

from seqtutor.config import ModelConfig
from seqtutor.policy.sequence_model import SequenceModel


def widened(network: SequenceModel, config: ModelConfig, seed: int) -> SequenceModel:
    """A network of another config with the same logits and values in every state, up to rounding.

    The first units of each layer are the old ones. They read no new unit, and the heads read none at first, so the new
    ones, whose own weights are random, change nothing until they are learned (function-preserving, as in Chen et al.
    2016, "Net2Net", but by zeros instead of copies).

    Args: config: as the network's, with at least as many units in every layer. Raises ValueError for any other.
    """
    old, new = network.config, config
    if (old.cell, old.layers, old.reads_begin) != (new.cell, new.layers, new.reads_begin):
        raise ValueError("a network can only be widened")
    wide = SequenceModel(config, network.actions, seed)
    weights, arrays = wide.get(), network.get()
    gates, below = (4 if old.cell == "lstm" else 3), None  # below: the units of the layer below, old and new
    for i, (few, many) in enumerate(zip(old.sizes, new.sizes, strict=True)):
        if many < few:
            raise ValueError(f"layer {i} has {few} units, which {many} cannot hold")
        kernel = _gates(weights[f"layer{i}/kernel"], gates)
        recurrent, bias = _gates(weights[f"layer{i}/recurrent"], gates), _gates(weights[f"layer{i}/bias"][None], gates)
        rows = kernel.shape[0] if below is None else below[0]
        kernel[:rows, :, :few] = _gates(arrays[f"layer{i}/kernel"], gates)
        kernel[rows:, :, :few] = 0.0
        recurrent[:few, :, :few] = _gates(arrays[f"layer{i}/recurrent"], gates)
        recurrent[few:, :, :few] = 0.0
        bias[:, :, :few] = _gates(arrays[f"layer{i}/bias"][None], gates)
        below = (few, many)
    for head in ("logits", "value"):
        weights[f"{head}/kernel"][: old.sizes[-1]] = arrays[f"{head}/kernel"]
        weights[f"{head}/kernel"][old.sizes[-1] :] = 0.0
        weights[f"{head}/bias"][:] = arrays[f"{head}/bias"]
    wide.set(weights)
    return wide


def _gates(array: np.ndarray, gates: int) -> np.ndarray:
    """Columns [N, gates * U] as [N, gates, U], a view."""
    return array.reshape(array.shape[0], gates, -1)
