"""A larger network of the same function: where a tuned network starts that has more units than its prior."""

from __future__ import annotations

import numpy as np

from seqtutor.config import ModelConfig
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel


def widened(network: SequenceModel, config: ModelConfig, seed: int) -> SequenceModel:
    """A network of another config with the same logits and values in every state, up to rounding.

    The first units of each layer are the old ones. They read no new unit, and the heads read none at first, so the new
    ones, whose own weights are random, change nothing until they are learned (function-preserving, as in Chen et al.
    2016, "Net2Net", but by zeros instead of copies).

    A network without an embedding E gets a random one, and as its first kernel the K' with E K' = K of least squares,
    which there is where E has as many columns as rows, one for each token and one for the beginning.

    Args: config: as the network's, with at least as many units in every layer, and numbers a token.
    Raises ValueError for any other config, UserError for an embedding too small.
    """
    old, new = network.config, config
    if new.embedding and not old.embedding:
        return _embedded(widened(network, new.model_copy(update={"embedding": 0}), seed), new, seed)
    if (old.cell, old.layers, old.reads_begin) != (new.cell, new.layers, new.reads_begin):
        raise ValueError("a network can only be widened")
    if new.embedding < old.embedding:
        raise ValueError(f"an embedding of {old.embedding} numbers cannot become one of {new.embedding}")
    wide = SequenceModel(config, network.actions, seed, network.features)
    weights, arrays = wide.get(), network.get()
    gates, below = (4 if old.cell == "lstm" else 3), None  # below: the inputs of a layer, old and new; None: all tokens
    if old.embedding:
        weights["embedding"][:, : old.embedding] = arrays["embedding"]
        below = (old.embedding, new.embedding)
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
    if network.features:
        _widen_features(weights, arrays)
    wide.set(weights)
    return wide


def _widen_features(weights: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> None:
    """The hidden layer that reads features, and its heads; what is new in it puts out nothing."""
    few, many = len(arrays["features/bias"]), len(weights["features/bias"])
    kernel = weights["features/kernel"]
    kernel[:few, :few], kernel[few:many, :few] = arrays["features/kernel"][:few], 0.0
    kernel[many:, :few] = arrays["features/kernel"][few:]
    for name in ("features/bias", "features/logits", "features/value"):
        weights[name][:few], weights[name][few:] = arrays[name], 0.0


def _embedded(network: SequenceModel, config: ModelConfig, seed: int) -> SequenceModel:
    """The same network with an embedding."""
    if config.embedding <= network.actions:
        raise UserError(
            f"an embedding of {config.embedding} numbers cannot tell {network.actions} tokens and the beginning apart; "
            f"give {network.actions + 1} or more"
        )
    made = SequenceModel(config, network.actions, seed, network.features)
    table, arrays = made.get()["embedding"], network.get()
    kernel = np.linalg.lstsq(table.astype(np.float64), arrays["layer0/kernel"].astype(np.float64), rcond=None)[0]
    made.set({**arrays, "embedding": table, "layer0/kernel": kernel.astype(np.float32)})
    return made


def _gates(array: np.ndarray, gates: int) -> np.ndarray:
    """Columns [N, gates * U] as [N, gates, U], a view."""
    return array.reshape(array.shape[0], gates, -1)
