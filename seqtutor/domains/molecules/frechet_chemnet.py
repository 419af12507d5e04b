"""The Frechet ChemNet Distance (Preuer et al. 2018), by the optional package fcd, which brings ChemNet and PyTorch.

With mu and S the mean and the covariance of ChemNet's activations on a set of molecules, the distance of two sets is
|mu_1 - mu_2|^2 + trace(S_1 + S_2 - 2 (S_1 S_2)^(1/2)).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import islice
from typing import NamedTuple

import numpy as np

BLOCK = 2_000  # SMILES that ChemNet gets at once


class Gaussian(NamedTuple):
    """Mean [D] and covariance [D, D] of activations."""

    mean: np.ndarray
    covariance: np.ndarray


def available() -> bool:
    """Whether the package is installed."""
    return find_spec("fcd") is not None


def activations(smiles: Iterable[str]) -> Gaussian:
    """Of SMILES, in blocks, so that memory is bounded. A molecule takes some 10 ms."""
    import fcd

    model, texts = fcd.load_ref_model(), iter(smiles)
    count, total, square = 0, np.zeros(()), np.zeros(())
    while block := list(islice(texts, BLOCK)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that row_stack is to go, and that a long molecule is one
            rows = fcd.get_predictions(model, block, n_jobs=0, device="cpu").astype(np.float64)
        count, total, square = count + len(rows), total + rows.sum(axis=0), square + rows.T @ rows
    mean = total / max(count, 1)
    return Gaussian(mean, (square - count * np.outer(mean, mean)) / max(count - 1, 1))


def distance(left: Gaussian, right: Gaussian) -> float:
    """The distance of two sets."""
    import fcd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an argument of SciPy's that is to go
        found = fcd.calculate_frechet_distance(left.mean, left.covariance, right.mean, right.covariance)
    return float(found)
