"""A prior out of a checkpoint or a bundle of Magenta's: the Note RNN of RL Tuner, or a one-hot melody_rnn (basic_rnn).

Both are LSTM layers of TensorFlow's own cells with a linear output layer. A kernel has the rows of the inputs above
those of the hidden state. Gates are in the order i, j, f, o. The cell adds 1 to the forget gate; here the bias does.
The first token is read in the state zero, so the prior does not read the begin token. Magenta itself is not needed.
"""

from __future__ import annotations

import glob
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from seqtutor.errors import UserError
from seqtutor.exchange import magenta_bundle
from seqtutor.system.input_files import most_unpacked, open_input

EVENTS = 38  # tokens of the melody domain: note off, no event, 36 pitches
FORGET_BIAS = 1.0
_CELL = r"(?:^|/)(?:cell_?(?P<layer>\d+)/)?(?:basic_?)?lstm_?cell/(?:linear/)?"
_Layers = dict[int, np.ndarray]  # an array for each layer
_KERNEL = re.compile(_CELL + r"(?:w_0|matrix|weights|kernel)$", re.IGNORECASE)
_BIAS = re.compile(_CELL + r"(?:b|bias|biases)$", re.IGNORECASE)
_OUTPUT = re.compile(r"(?:^|/)(?:fully_connected|dense)/(?:weights|kernel)$")
_OUTPUT_BIAS = re.compile(r"(?:^|/)(?:fully_connected|dense)/bias(?:es)?$")
_OF_TRAINING = re.compile(r"/(?:Adam(?:_\d+)?|Adagrad|RMSProp(?:_\d+)?|Momentum|ExponentialMovingAverage)$")

Arrays = dict[str, np.ndarray]


def read(path: Path) -> Arrays:
    """Every variable of a TensorFlow checkpoint but what only training needs: optimizer slots and single numbers.

    Args:
      path: a bundle, or a checkpoint's prefix, one of its files, or the folder it is the newest of.
    Raises:
      UserError: there is no readable checkpoint.
    """
    if path.suffix != magenta_bundle.KIND:
        return _variables(re.sub(r"\.(?:index|meta|data-\d+-of-\d+)$", "", str(path)), path)
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder, "model.ckpt")
        prefix.write_bytes(magenta_bundle.checkpoint_of(path))
        return _variables(str(prefix), path)


def _variables(prefix: str, path: Path) -> Arrays:
    try:
        if os.path.isdir(prefix):
            _bytes_of([Path(prefix, "checkpoint")])
            prefix = tf.train.latest_checkpoint(prefix) or prefix
        place = Path(prefix)
        there = _bytes_of(place.parent.glob(f"{glob.escape(place.name)}*"))
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        wanted = [name for name, shape in shapes.items() if shape and not _OF_TRAINING.search(name)]
        size = sum(math.prod(shapes[name]) for name in wanted)
        if size > there:
            raise ValueError(f"its variables have {size:,} numbers, and its files {there:,} bytes")
        return {name: reader.get_tensor(name) for name in sorted(wanted)}
    except (ValueError, RuntimeError, OSError, LookupError, tf.errors.OpError) as error:  # LookupError: cut short
        raise UserError(f"{path} is not a readable TensorFlow checkpoint: {str(error).splitlines()[0]}") from None


def _bytes_of(files: Iterable[Path]) -> int:
    """How many bytes may come out of the files that are there. Raises UserError where one is a pipe, that TensorFlow
    would wait for, or a device.
    """
    total = 0
    for path in files:
        if path.exists() and not path.is_dir():
            with open_input(path) as file:
                total += min(path.stat().st_size, most_unpacked(file))
    return total


def convert(variables: Mapping[str, np.ndarray], exchange: bool = False) -> tuple[tuple[int, ...], Arrays]:
    """The units of each layer and the weights of a SequenceModel.

    Args:
      variables: by their names in the checkpoint, of any age: RNN/MultiRNNCell/Cell0/LSTMCell/W_0 and B, or
        rnn/multi_rnn_cell/cell_0/lstm_cell/weights or kernel and biases or bias, under any scope.
      exchange: events 0 and 1 mean "no event" and "note off", as in note-seq's encoders, and change places.
    Raises:
      UserError: a layer or the output is missing, a variable is left over, or a shape does not fit; all are named.
    """
    kernels, biases, outputs, output_biases, left = _sort(variables)
    layers = max([*kernels, *biases], default=0) + 1
    missing = [f"kernel of layer {i}" for i in range(layers) if i not in kernels]
    missing += [f"bias of layer {i}" for i in range(layers) if i not in biases]
    missing += [what for what, found in (("output kernel", outputs), ("output bias", output_biases)) if not found]
    if missing or left:
        parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"left over: {', '.join(left)}"] * bool(left)
        raise UserError(f"not a checkpoint of a one-hot melody LSTM; {'; '.join(parts)}")
    sizes = tuple(biases[i].size // 4 for i in range(layers))
    weights: dict[str, np.ndarray] = {}
    inputs = EVENTS
    for i, units in enumerate(sizes):
        _check(f"kernel of layer {i}", kernels[i], (inputs + units, 4 * units))
        _check(f"bias of layer {i}", biases[i], (4 * units,))
        weights |= _layer(i, kernels[i], biases[i], inputs, units)
        inputs = units
    _check("output kernel", outputs[0], (inputs, EVENTS))
    _check("output bias", output_biases[0], (EVENTS,))
    heads = {"logits/kernel": outputs[0], "logits/bias": output_biases[0]}
    none = {"value/kernel": np.zeros((inputs, 1)), "value/bias": np.zeros(1)}
    weights = {name: np.asarray(array, np.float32) for name, array in (weights | heads | none).items()}
    return sizes, _exchange(weights) if exchange else weights


def _sort(variables: Mapping[str, np.ndarray]) -> tuple[_Layers, _Layers, _Layers, _Layers, list[str]]:
    """Kernels and biases by layer, output kernel and bias (at 0), and the names of what is none of these."""
    found: tuple[_Layers, _Layers, _Layers, _Layers] = ({}, {}, {}, {})
    left = []
    for name, array in variables.items():
        for group, pattern in zip(found, (_KERNEL, _BIAS, _OUTPUT, _OUTPUT_BIAS), strict=True):
            if match := pattern.search(name):
                layer = int(match.groupdict().get("layer") or 0)
                if layer in group:
                    left.append(name)
                group.setdefault(layer, array)
                break
        else:
            left.append(name)
    return *found, left


def _check(what: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise UserError(
            f"the {what} has shape {array.shape}, expected {shape} for {EVENTS} one-hot events; "
            "models with other inputs (lookback, attention) cannot be imported"
        )


def _layer(i: int, kernel: np.ndarray, bias: np.ndarray, inputs: int, units: int) -> Arrays:
    """Layer i: the input rows (with a row of zeros for the begin token, in layer 0), the recurrent rows, the bias."""
    rows = kernel[:inputs]
    if i == 0:
        rows = np.concatenate([rows, np.zeros((1, 4 * units))])
    forget = np.repeat([0.0, 0.0, FORGET_BIAS, 0.0], units)
    return {f"layer{i}/kernel": rows, f"layer{i}/recurrent": kernel[inputs:], f"layer{i}/bias": bias + forget}


def _exchange(weights: Arrays) -> Arrays:
    order = np.arange(EVENTS)
    order[:2] = 1, 0
    exchanged = {
        "layer0/kernel": weights["layer0/kernel"][np.append(order, EVENTS)],
        "logits/kernel": weights["logits/kernel"][:, order],
        "logits/bias": weights["logits/bias"][order],
    }
    return weights | exchanged
