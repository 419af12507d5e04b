"""The sets of molecules that MOSES compares with: its test split, and the one of scaffolds that are in no other split.

Their features take RDKit some minutes, so they are kept in the cache.
"""

from __future__ import annotations

import gzip
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from seqtutor.domains.molecules import data_sets, frechet_chemnet
from seqtutor.domains.molecules.frechet_chemnet import Gaussian
from seqtutor.domains.molecules.moses_features import VALUES, every
from seqtutor.errors import UserError
from seqtutor.system.cache import cache_dir, cache_file
from seqtutor.system.files import read_arrays
from seqtutor.system.progress import LOG, Progress

SETS = {"test": "moses-test", "test_sf": "moses-test-scaffolds"}  # as in the names of metrics -> data set
_FORMAT = 1  # of the features in the cache


@dataclass(frozen=True)
class MosesReference:
    """The features of N molecules.

    Attributes:
      prints: fingerprints, uint8 [N, 128], packed.
      fragments, scaffolds: how often each is in the whole set.
      values: float64 [N, 4], as in VALUES.
      activations: of ChemNet, for the Frechet distance; None where that is left out.
    """

    prints: np.ndarray
    fragments: Counter[str]
    scaffolds: Counter[str]
    values: np.ndarray
    activations: Gaussian | None = None


def reference_of(smiles: Iterable[str]) -> MosesReference:
    """The features of valid SMILES, without ChemNet's; molecules that RDKit gave up on are left out."""
    bits, values = [], []
    fragments: Counter[str] = Counter()
    scaffolds: Counter[str] = Counter()
    for found in every(smiles, filters=False):
        if found is not None:
            bits.append(np.frombuffer(bytes.fromhex(found.bits), np.uint8))
            values.append(found.values)
            fragments.update(found.fragments)
            scaffolds.update([found.scaffold] if found.scaffold else [])
    return MosesReference(
        np.array(bits, np.uint8).reshape(len(bits), -1), fragments, scaffolds,
        np.array(values, np.float64).reshape(-1, len(VALUES)),
    )  # fmt: skip


@lru_cache(maxsize=1)
def references() -> dict[str, MosesReference]:
    """Both sets by the keys of SETS. Raises UserError if one is not on this machine."""
    paths = {name: _path(name) for name in SETS.values()}  # before the first minutes of work
    if not frechet_chemnet.available():
        LOG.warning("left out the Frechet ChemNet Distance, which needs `pip install seqtutor[fcd]`")
    return {key: _reference(name, paths[name]) for key, name in SETS.items()}


def _path(name: str) -> Path:
    path = data_sets.data_sets()[name].locate()
    if path is None:
        raise UserError(
            f"the metrics of MOSES compare with data set '{name}', which is not on this machine; "
            f"get it with `seqtutor data fetch {name}`"
        )
    return path


def _reference(name: str, path: Path) -> MosesReference:
    import rdkit

    kept = cache_dir() / "moses" / f"{name}-features-{_FORMAT}-rdkit-{rdkit.__version__}.npz"
    try:
        found = _from_arrays(read_arrays(kept))
    except (UserError, KeyError):  # not there, or damaged
        found = reference_of(_smiles(name, path, "features"))
        with cache_file(kept, "wb") as file:
            np.savez_compressed(file, **_as_arrays(found))  # type: ignore[arg-type]  # none is called allow_pickle
    if not frechet_chemnet.available():
        return found
    kept = cache_dir() / "moses" / f"{name}-chemnet-{_FORMAT}.npz"
    try:
        activations = Gaussian(**read_arrays(kept))
    except (UserError, TypeError):
        activations = frechet_chemnet.activations(_smiles(name, path, "ChemNet"))
        with cache_file(kept, "wb") as file:
            np.savez_compressed(file, **activations._asdict())
    return replace(found, activations=activations)


def _smiles(name: str, path: Path, what: str) -> Iterator[str]:
    """The SMILES of the data set's file, with a bar."""
    quiet = not LOG.isEnabledFor(logging.WARNING)
    with gzip.open(path, "rt", encoding="ascii") as file:
        next(file)  # the header
        with Progress(data_sets.data_sets()[name].size, "molecule", quiet, what=f"{what} of {name}") as progress:
            for line in file:
                yield line.split(",")[0].strip()
                progress.advance()


def _as_arrays(found: MosesReference) -> dict[str, np.ndarray]:
    arrays = {"prints": found.prints, "values": found.values}
    for name, counts in (("fragments", found.fragments), ("scaffolds", found.scaffolds)):
        arrays[name] = np.array(list(counts), np.bytes_)
        arrays[f"{name}_times"] = np.array(list(counts.values()), np.int64)
    return arrays


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> MosesReference:
    fragments, scaffolds = (
        Counter(dict(zip((text.decode("ascii") for text in arrays[name].tolist()), times.tolist(), strict=True)))
        for name, times in ((name, arrays[f"{name}_times"]) for name in ("fragments", "scaffolds"))
    )
    return MosesReference(arrays["prints"], fragments, scaffolds, arrays["values"])
