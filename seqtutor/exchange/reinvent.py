"""A prior out of a model file of REINVENT (versions 3 and 4), its LSTM over SMILES; and the way back.

There tokens are embedded, here the first layer reads them one-hot. So the embedding E [V, D] is multiplied into that
layer's kernel, E W; the last row, of the begin token, is that of "^". torch's kernels are transposed, with the gates in
the order i, f, g, o, and each layer has two biases, which are added. The vocabulary and its order stay, with "$" as
the end token. "^" stays among the tokens too, for the network gives it a probability as any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqtutor.domains.molecules.smiles import END, tokenize
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, shown
from seqtutor.exchange import torch_archive
from seqtutor.exchange.torch_archive import Inert
from seqtutor.runs.run import Run

BEGIN, STOP = "^", "$"
NEVER = -40.0  # a logit: e^-40 of a probability is lost beside 1 in float32
GATES = (0, 2, 1, 3)  # ours (i, j, f, o) among theirs (i, f, g, o)


class Prior(NamedTuple):
    """What a model file says.

    Attributes:
      symbols: the vocabulary, with the end token first.
      length: tokens of a molecule at the most, the end token included.
      sizes: units of each layer.
      weights: of a SequenceModel, by name.
    """

    symbols: tuple[str, ...]
    length: int
    sizes: tuple[int, ...]
    weights: dict[str, np.ndarray]


def read(path: Path) -> Prior:
    """The prior of a model file. Raises UserError for a file that is none, and for a network that is no plain LSTM."""
    saved = torch_archive.load(path)
    if not isinstance(saved, dict) or not {"vocabulary", "network"} <= saved.keys():
        raise UserError(f"'{path}' is not a model of REINVENT's de novo generator: it has no vocabulary or network")
    parameters = saved.get("network_params")
    parameters = parameters if isinstance(parameters, dict) else {}
    if parameters.get("layer_normalization") or str(parameters.get("cell_type", "lstm")).lower() != "lstm":
        raise UserError(f"'{path}' has GRU cells or layer normalisation; only LSTM layers without can be imported")
    try:
        symbols = _symbols(saved["vocabulary"])
        sizes, weights = _convert(saved["network"], symbols.index(BEGIN))
        length = int(saved["max_sequence_length"]) - 1  # theirs counts the begin token
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"'{path}' is not a model of REINVENT as it is known here: {shown(str(error))}") from None
    order = [symbols.index(STOP), *(i for i, symbol in enumerate(symbols) if symbol != STOP)]
    weights["layer0/kernel"] = weights["layer0/kernel"][[*order, len(symbols)]]
    weights["logits/kernel"], weights["logits/bias"] = weights["logits/kernel"][:, order], weights["logits/bias"][order]
    return Prior((END, *(symbols[i] for i in order[1:])), length, sizes, weights)


def write(run: Run, path: Path) -> None:
    """Writes the network of a run as a model file of REINVENT 4, with the same log-probabilities.

    "^" gets the logit NEVER there, unless the vocabulary has it. Raises UserError for a policy that is no such network.
    """
    policy = run.policy
    network, config = policy.tuned or policy.prior, (policy.tuned or policy.prior).config
    why = None
    if run.domain.name != "molecules":
        why = f"is of domain {run.domain.name}"
    elif policy.variant is not None and policy.variant.adds_to_prior:
        why = "adds its network to the prior's, so that no single network is the policy"
    elif network.features:
        why = "is told what is open in a molecule, which REINVENT's networks are not"
    elif config.cell != "lstm" or not config.reads_begin or len(set(config.sizes)) > 1:
        why = "has other layers than LSTM of one size that read a begin token"
    if why:
        raise UserError(f"{run.path} cannot be a model of REINVENT: it {why}; export it as a saved-model")
    torch_archive.save(path, {
        "model_type": "Reinvent", "version": 1, "metadata": None, "max_sequence_length": run.domain.length + 1,
        **_as_theirs(network.get(), run.domain.vocabulary, config.sizes),
    })  # fmt: skip


def _as_theirs(weights: dict[str, np.ndarray], vocabulary: Vocabulary, sizes: tuple[int, ...]) -> dict[str, Any]:
    """The sections vocabulary, network and network_params."""
    symbols, size = list(vocabulary.symbols), vocabulary.size
    order = [symbols.index(END), symbols.index(BEGIN) if BEGIN in symbols else size]  # our id of each of their tokens
    order += [i for i in range(size) if i not in order]
    embedding = weights.get("embedding", np.eye(size + 1, dtype=np.float32))
    rows = [vocabulary.begin if i == 1 else id for i, id in enumerate(order)]
    kernel = np.concatenate([weights["logits/kernel"], np.zeros((sizes[-1], 1), np.float32)], axis=1)[:, order]
    network = {"_embedding.weight": embedding[rows]}
    for i in range(len(sizes)):
        kernels = {"ih": weights[f"layer{i}/kernel"], "hh": weights[f"layer{i}/recurrent"]}
        network |= {f"_rnn.weight_{part}_l{i}": _gates(array.T) for part, array in kernels.items()}
        network |= {
            f"_rnn.bias_ih_l{i}": _gates(weights[f"layer{i}/bias"]),
            f"_rnn.bias_hh_l{i}": np.zeros(4 * sizes[i]),
        }
    network |= {"_linear.weight": kernel.T, "_linear.bias": np.append(weights["logits/bias"], NEVER)[order]}
    tokens = [STOP, BEGIN, *(symbols[i] for i in order[2:])]
    return {
        "vocabulary": {
            "tokens": {token: number for number, token in enumerate(tokens)},
            "pad_token": 0, "bos_token": 1, "eos_token": 0, "unk_token": None,
        },
        "network": network,
        "network_params": {
            "dropout": 0.0, "layer_size": sizes[0], "num_layers": len(sizes), "cell_type": "lstm",
            "embedding_layer_size": embedding.shape[1], "layer_normalization": False,
        },
    }  # fmt: skip


def _symbols(vocabulary: Any) -> list[str]:
    """The tokens in the order of their numbers, of a dictionary (version 4) or of an object (before)."""
    if isinstance(vocabulary, Inert):
        vocabulary = {"tokens": vocabulary.state["_tokens"]}
    numbers = {token: number for token, number in vocabulary["tokens"].items() if isinstance(token, str)}
    symbols = sorted(numbers, key=lambda token: numbers[token])
    if [numbers[symbol] for symbol in symbols] != list(range(len(symbols))):
        raise ValueError("the tokens of its vocabulary are not numbered one by one")
    for symbol in set(symbols) - {BEGIN, STOP}:
        if tokenize(symbol) != [symbol]:
            raise ValueError(f"its token '{symbol}' is none of SMILES")
    return symbols


def _convert(network: dict[str, Any], begin: int) -> tuple[tuple[int, ...], dict[str, np.ndarray]]:
    """Units of each layer and weights; rows and columns of tokens in the file's order, the begin token's row last."""
    with np.errstate(invalid="ignore"):  # a signalling nan is one as good as any, and refused below
        left = {name: np.asarray(array, np.float64) for name, array in network.items()}
    inputs = left.pop("_embedding.weight")
    sizes: list[int] = []
    weights: dict[str, np.ndarray] = {}
    while f"_rnn.weight_ih_l{len(sizes)}" in left:
        i = len(sizes)
        kernel, recurrent = (_gates(left.pop(f"_rnn.weight_{part}_l{i}")).T for part in ("ih", "hh"))
        bias = _gates(left.pop(f"_rnn.bias_ih_l{i}") + left.pop(f"_rnn.bias_hh_l{i}"))
        if i == 0:
            kernel = inputs @ kernel
            kernel = np.concatenate([kernel, kernel[[begin]]])
        weights |= {f"layer{i}/kernel": kernel, f"layer{i}/recurrent": recurrent, f"layer{i}/bias": bias}
        sizes.append(len(recurrent))
    weights["logits/kernel"], weights["logits/bias"] = left.pop("_linear.weight").T, left.pop("_linear.bias")
    weights |= {"value/kernel": np.zeros((sizes[-1], 1)), "value/bias": np.zeros(1)}
    if left:
        raise ValueError(f"left over: {', '.join(sorted(left))}")
    _check_shapes(weights, sizes, len(inputs))
    return tuple(sizes), {name: array.astype(np.float32) for name, array in weights.items()}


def _gates(array: np.ndarray) -> np.ndarray:
    """An array [4U, ...] with the gates in our order."""
    return np.concatenate([np.split(array, 4)[gate] for gate in GATES])


def _check_shapes(weights: dict[str, np.ndarray], sizes: list[int], tokens: int) -> None:
    """Raises ValueError for the first array that does not fit the others, or that has numbers which are not finite."""
    expected: dict[str, tuple[int, ...]] = {"logits/kernel": (sizes[-1], tokens), "logits/bias": (tokens,)}
    for i, (inputs, units) in enumerate(zip((tokens + 1, *sizes), sizes, strict=False)):
        expected[f"layer{i}/kernel"] = (inputs, 4 * units)
        expected[f"layer{i}/recurrent"] = (units, 4 * units)
        expected[f"layer{i}/bias"] = (4 * units,)
    for name, shape in expected.items():
        if weights[name].shape != shape or not np.isfinite(weights[name]).all():
            raise ValueError(f"the shape of {name} is {weights[name].shape}, not {shape}, or it is not finite")
