"""The molecule domain: SMILES strings, rewarded for being drug-like, soluble and easy to make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.domains.base import LONGEST, DataSet, Domain, TableWriter, Writer
from seqtutor.domains.lookahead import Lookahead
from seqtutor.domains.molecules import data_sets, data_summary, html, offspring, reading, render, sdf, smiles
from seqtutor.domains.molecules.guacamol import GuacamolStatistics
from seqtutor.domains.molecules.moses import MosesStatistics
from seqtutor.domains.molecules.moses_reference import references
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.reward import REWARD_NAMES, MoleculeReward, molecules_of
from seqtutor.domains.molecules.statistics import METRIC_NOTES, MoleculeStatistics, Reference, known, nearest_molecules
from seqtutor.domains.molecules.suites import SUITES
from seqtutor.domains.neighbours import Neighbours
from seqtutor.domains.reward_terms import Term
from seqtutor.domains.rewards import Reward
from seqtutor.domains.statistics import Property, Statistics
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, shown
from seqtutor.reading.records import Record, Rejected


class Molecules(Domain):
    """SMILES strings of at most `length` tokens; see `smiles` for the tokens and `corpus` for the data sets."""

    name = "molecules"
    defaults = {  # noqa: RUF012 (typed as a class variable by Domain)
        "length": 100,
        "stereo": False,
    }
    option_meanings = {  # noqa: RUF012
        "length": "most tokens of a molecule, the end token included; those of MOSES need 55",
        "stereo": "the training data keep their stereochemistry",
    }
    preparation = ("length", "stereo")
    end_symbol = smiles.END
    judged_once = True
    examples = (
        "CCO", "CC(=O)O", "c1ccccc1", "CC(C)N", "Cc1ccncc1", "O=C(Nc1ccccc1)C1CC1", "CN1CCOCC1",
        "COc1ccc(CC(=O)NCCN2CCCC2=O)cc1",
    )  # fmt: skip
    has_children = True
    keeps_primer = True  # a primer is a scaffold that the molecule begins with
    metric_notes = METRIC_NOTES
    reward_names = REWARD_NAMES
    default_reward = "molecule"
    suites = SUITES
    metric_sets = ("moses", "guacamol")

    def __init__(self, options: Mapping[str, Any] | None = None, vocabulary: Vocabulary | None = None):
        super().__init__(options, vocabulary)
        length = self.options["length"]
        if not isinstance(length, int) or not 2 <= length <= LONGEST:
            raise UserError(f"domain.length is {shown(length)}: give a whole number of tokens, 2 to {LONGEST}")

    @property
    def length(self) -> int:
        """T: the most tokens of a molecule, the end token included."""
        return self.options["length"]

    def tokenize(self, text: str) -> list[str]:
        """Splits a SMILES into atoms, bonds, brackets and ring closures. Raises ValueError with reason and position."""
        return smiles.tokenize(text)

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The SMILES before the first end token."""
        return smiles.decode(tokens, self.vocabulary)

    def files(self, path: Path) -> list[Path]:
        """The files of molecules below a folder."""
        return reading.files_in(path) if path.is_dir() else [path]

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        """See `reading.read`: SMILES as they are in .smi, .txt, .csv and .tsv files."""
        return reading.read(path)

    def prepare(self, path: Path) -> Iterator[Record | Rejected]:
        """See `reading.prepare`: canonical SMILES of distinct molecules that fit the length."""
        rules = reading.Rules(self.length - 1, self.options["stereo"])
        return reading.prepare_canonical(path, rules) if data_sets.is_canonical(path) else reading.prepare(path, rules)

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        """MOSES, its test splits, and the sample that comes with the repository."""
        return data_sets.data_sets()

    @cached_property
    def _pool(self) -> Pool:
        """Worker processes and their cache, shared by rewards and statistics; they start when first needed."""
        return Pool()

    @property
    def _end(self) -> int:
        assert self.vocabulary.end is not None  # see Domain.__init__
        return self.vocabulary.end

    def lookahead(self) -> Lookahead:
        """What grammar and valence know of a molecule that is being written."""
        from seqtutor.domains.molecules.lookahead import MoleculeLookahead

        return MoleculeLookahead(self.vocabulary, self.length)

    def reward(self, terms: Sequence[Term]) -> Reward:
        """See `reward.MoleculeReward`."""
        return MoleculeReward(terms, self.decode, self.vocabulary, self._pool)

    def valid(self, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Which sequences ended and are molecules to RDKit."""
        return np.array([identity is not None for identity in self.identities(tokens, lengths)], bool)

    def identities(self, tokens: np.ndarray, lengths: np.ndarray) -> list[str | None]:
        """The canonical SMILES; None for what did not end or is no molecule to RDKit."""
        found = molecules_of(tokens, lengths, self.decode, self._end, self._pool, measured=False)()
        return [molecule.canonical if molecule.valid else None for molecule in found]

    def child(self, texts: Sequence[str], rng: np.random.Generator) -> str | None:
        """See `offspring.child`."""
        return offspring.child(texts, rng)

    def reference(self, texts: Iterable[str]) -> Reference:
        """See `statistics.Reference`."""
        return Reference(texts, self._pool)

    def known(self, texts: Sequence[str], reference: Reference) -> np.ndarray:
        """See `statistics.known`."""
        return known(texts, reference, self._pool)

    def statistics(self, reference: Reference | None, seed: int) -> Statistics:
        """See `statistics.MoleculeStatistics`."""
        return MoleculeStatistics(reference, seed, self.decode, self._end, self._pool)

    def metrics(self, name: str, reference: Reference | None) -> Statistics:
        """`moses` and `guacamol`: see the modules of these names."""
        if name not in self.metric_sets:
            return super().metrics(name, reference)
        if name == "guacamol":
            return GuacamolStatistics(reference, self.decode, self._end, self._pool)
        return MosesStatistics(reference, references(), self.decode, self._end, self._pool)

    def nearest(self, texts: Sequence[str], reference: Reference) -> Neighbours:
        """See `statistics.nearest_molecules`."""
        return nearest_molecules(texts, reference, self._pool)

    def properties(self, texts: Sequence[str]) -> list[Property]:
        """See `data_summary.properties`."""
        with self._pool:
            return data_summary.properties(texts, self._pool)

    def figures(self, texts: Sequence[str]) -> list[str]:
        """Drawings with the molecules' properties."""
        return html.figures(texts, self._pool)

    def table_writers(self) -> dict[str, TableWriter]:
        """sdf: molecules with flat coordinates, the columns as their properties."""
        return {"sdf": sdf.write}

    def writers(self) -> dict[str, Writer]:
        """smi: one file; svg: one file a molecule; png: sheets of 25."""
        writers = {"smi": render.write_smi, "svg": render.write_svg, "png": render.write_png}
        return {extension: partial(write, self.decode) for extension, write in writers.items()}
