"""What a domain gives the rest of the toolkit: tokens, data, rewards, statistics, rendering.

Conventions, used everywhere:

* `tokens` is an int32 array [N, T] of action ids 0 .. A-1, `lengths` an int32 array [N]: the number of
  tokens that count in each row, the end token included. Behind them a row holds `vocabulary.pad`.
* `begin` is the id A. It is only ever an input to a network, never drawn.
* `text` is a sequence as people write it: "C4 hold hold E4" or "CC(=O)O". `tokenize` splits it into
  symbols; the vocabulary numbers them.
* Reward arrays are float32 [N, T]: one reward a token, 0 after a sequence's end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqtutor.domains.lookahead import Lookahead
from seqtutor.domains.neighbours import Neighbours, nearest_texts
from seqtutor.domains.ratings import Ratings
from seqtutor.domains.reward_terms import Term
from seqtutor.domains.rewards import Reward
from seqtutor.domains.statistics import MetricNote, Property, Statistics
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected

LONGEST = 10_000  # tokens of a sequence that is drawn, at the most


@dataclass(frozen=True)
class DataSet:
    """A named data set: what it is, and where to get it."""

    name: str
    description: str
    licence: str
    size: int  # number of sequences before any is rejected
    sha256: str  # of the file that holds it, or of its files' bytes in sorted order
    locate: Callable[[], Path | None]  # its file or folder on this machine, None when it is not here yet
    fetch: Callable[[], Path] | None = None  # gets it (pip only); None when it comes with the package


class Suite(NamedTuple):
    """The tasks of a benchmark, each a reward `task(NAME)` of 0 to 1.

    Attributes:
      left_out: tasks that cannot be had here.
      published: method -> task -> area under the curve of the best 10, from `source`; not run again here.
    """

    tasks: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    published: Mapping[str, Mapping[str, float]] = MappingProxyType({})
    source: str = ""


# Writes sequences as files of one format: (tokens [N, T], lengths [N], folder, index of the first one).
# Returns the path of each sequence's file, in order (the same path N times where all share one file).
Writer = Callable[[np.ndarray, np.ndarray, Path, int], list[Path]]


TEXTS = ("file", "text", "primer", "tokens")  # columns of samples.csv that are no numbers
# Writes one file of sequences with what is known of them: (rows of samples.csv, the file). See `evaluation.sample`.
TableWriter = Callable[[Iterable[Mapping[str, Any]], Path], None]


class Domain(ABC):
    """A kind of sequence, built from the config's `domain` section; its vocabulary may come from data or checkpoint."""

    name: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]  # every option of the config's `domain` section with its default
    option_meanings: ClassVar[Mapping[str, str]] = MappingProxyType({})  # of each option, for docs/settings.md
    preparation: ClassVar[tuple[str, ...] | None] = None  # the options that `prepare` depends on; None: all of them
    fixed_vocabulary: ClassVar[Vocabulary | None] = None  # None: made from the training data
    end_symbol: ClassVar[str | None] = None  # the symbol of the end token; None: all sequences have one length
    judged_once: ClassVar[bool] = False  # a user's function is called once for each identity, never for what has none
    examples: ClassVar[tuple[str, ...]] = ()  # texts that such a function is tried on
    has_children: ClassVar[bool] = False  # whether `child` makes a sequence of others
    keeps_primer: ClassVar[bool] = False  # whether a primer is part of the sequence (a scaffold) or comes before it
    reward_names: ClassVar[tuple[str, ...]]  # built-in rewards and components; `name(WHAT)` where one has an argument
    default_reward: ClassVar[str]
    suites: ClassVar[Mapping[str, Suite]] = MappingProxyType({})  # benchmarks, by name
    metric_notes: ClassVar[Mapping[str, MetricNote]] = MappingProxyType({})  # of its own statistics, for the report
    metric_sets: ClassVar[tuple[str, ...]] = ()  # names of further statistics, which `metrics` makes

    def __init__(self, options: Mapping[str, Any] | None = None, vocabulary: Vocabulary | None = None):
        """Args: options override `defaults` (unknown names were refused before); vocabulary as in a checkpoint.

        Raises ValueError for a vocabulary without the end token that the domain has.
        """
        if vocabulary is not None and vocabulary.end is None and self.end_symbol is not None:
            raise ValueError(f"the vocabulary of domain '{self.name}' has no end token")
        self.options = {**self.defaults, **(options or {})}
        self._vocabulary = vocabulary or self.fixed_vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary. Raises UserError if none was given and the domain has no fixed one."""
        if self._vocabulary is None:
            raise UserError(f"domain '{self.name}' has no vocabulary yet: it comes from training data or a checkpoint")
        return self._vocabulary

    def with_vocabulary(self, symbols: Iterable[str]) -> Domain:
        """A copy whose vocabulary is the end symbol (if any) and these symbols, sorted; fixed vocabularies stay."""
        if self.fixed_vocabulary is not None:
            return self
        first = () if self.end_symbol is None else (self.end_symbol,)
        ordered = first + tuple(sorted(set(symbols) - set(first)))
        return type(self)(self.options, Vocabulary(ordered, 0 if first else None))

    @property
    @abstractmethod
    def length(self) -> int:
        """T: the number of tokens of a drawn sequence, at the most."""

    @property
    def allowed(self) -> np.ndarray | None:
        """Which tokens may be drawn, bool [A]; None, as here, for all. The end token, if there is one, always may."""
        return None

    def length_of_bars(self, bars: int) -> int:
        """The tokens of so many bars. Raises UserError in a domain that has none, as here."""
        raise UserError(f"sequences of domain '{self.name}' have no bars; give their length in tokens")

    @property
    def out_of_reach(self) -> str:
        """What the options ask to be drawn and no sequence can have, in a line; empty, as here, for nothing."""
        return ""

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """Splits text into symbols, without the end symbol. Raises ValueError with the reason if it cannot."""

    @abstractmethod
    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The text of one sequence's tokens (the row up to its length; the end token may be there or not)."""

    def encode(self, text: str) -> np.ndarray:
        """Token ids int32 [t] of a text, the end token included where there is one. Raises ValueError."""
        ids = self.vocabulary.ids(self.tokenize(text))
        if self.vocabulary.end is not None:
            ids.append(self.vocabulary.end)
        return np.array(ids, np.int32)

    def random_primers(self) -> np.ndarray:
        """Token ids a random one-token primer is drawn from, uniformly; empty where the domain has none."""
        return np.zeros(0, np.int32)

    def files(self, path: Path) -> list[Path]:
        """The files `read` and `prepare` take from a path, in the order their bytes are hashed: all below a folder."""
        return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]

    def every(self) -> np.ndarray | None:
        """Every sequence there is, int32 [K, T], where they can be listed: then the best policy is known exactly."""
        return None

    @abstractmethod
    def read(self, path: Path) -> Iterator[Record | Rejected]:
        """Reads every sequence of a file or folder as it is, to be judged, in a fixed order.

        Text files of one text a line, `.csv` and `.npz` go through here too. Raises UserError if the path
        is missing or of no known kind; a single bad file or line becomes a Rejected.
        """

    def trim_primer(self, tokens: list[int]) -> list[int]:
        """A sequence of a file as a primer: without a beginning that says nothing, such as silence. Here all of it.

        Raises ValueError if nothing is left.
        """
        return tokens

    def prepare(self, path: Path) -> Iterator[Record | Rejected]:
        """Reads training data: like `read`, with the domain's normalisation (key, canonical form), in parallel."""
        return self.read(path)

    @classmethod
    @abstractmethod
    def data_sets(cls) -> dict[str, DataSet]:
        """The named data sets of the domain."""

    def valid(self, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
        """Which sequences are valid, bool [N], in a domain where some may not be; else None."""
        return None

    def identities(self, tokens: np.ndarray, lengths: np.ndarray) -> list[str | None]:
        """What each sequence stands for, equal for those that are the same; None for one that is not valid.

        Here its text. ASCII where the domain is `judged_once`.
        """
        return [self.decode(row[:length]) for row, length in zip(tokens, lengths, strict=True)]

    def child(self, texts: Sequence[str], rng: np.random.Generator) -> str | None:
        """A new sequence made of parts of given ones, as `identities` would name it; None where the try gave none."""
        raise NotImplementedError(f"domain '{self.name}' has no children")

    def lookahead(self) -> Lookahead | None:
        """What is known of sequences that are being written, whatever they are rewarded for; None, as here: nothing."""
        return None

    @abstractmethod
    def reward(self, terms: Sequence[Term]) -> Reward:
        """The weighted sum of terms. Their names were checked against `reward_names`."""

    def reference(self, texts: Iterable[str]) -> Any:
        """What `statistics` compares sequences with, made once of the texts of the training data: here, their set."""
        return set(texts)

    def known(self, texts: Sequence[str], reference: Any) -> np.ndarray:
        """Which texts, as `prepare` gives them, are in a reference that `reference` made, bool [N].

        A domain with a reference of its own kind has its own way to look.
        """
        return np.array([text in reference for text in texts], bool)

    @abstractmethod
    def statistics(self, reference: Any | None, seed: int) -> Statistics:
        """A new accumulator. `reference`: what `reference` made; None leaves out what needs it, such as novelty."""

    def metrics(self, name: str, reference: Any | None) -> Statistics:
        """As `statistics`, but further ones that take long and are only made when asked for: a name of `metric_sets`.

        Raises UserError if what they need is not on this machine.
        """
        raise KeyError(name)

    def nearest(self, texts: Sequence[str], reference: Any) -> Neighbours:
        """The training sequence nearest to each text; `reference` is what `reference` made of them.

        Here by the letters (see `neighbours.nearest_texts`); a domain with a reference of its own kind has a measure of
        its own.
        """
        return nearest_texts(texts, reference)

    def figures(self, texts: Sequence[str]) -> list[str]:
        """A piece of HTML that shows each sequence, complete in itself: no addresses, no ids, colours of any theme."""
        return [f"<code>{escape(text)}</code>" for text in texts]

    def properties(self, texts: Sequence[str]) -> list[Property]:
        """What `data info` says of sequences beside their lengths and tokens: here, nothing."""
        return []

    def played(self, how: Mapping[str, Any]) -> Domain:
        """A copy that writes its files so that they are played so, as {"tempo": 100}.

        Raises UserError for what cannot be, and in a domain whose files are not played, as here.
        """
        raise UserError(f"files of domain '{self.name}' are not played; leave {' and '.join(how)} out")

    def unsaid(self, kind: str) -> list[str]:
        """What `played` was asked for and files of a format do not say, as ["swing"]; here nothing."""
        return []

    def table_writers(self) -> dict[str, TableWriter]:
        """File formats that hold the columns of samples.csv too, by extension; here none."""
        return {}

    def player(self, title: str, names: Sequence[str], texts: Sequence[str], reward: Reward) -> str:
        """An HTML page that plays sequences with their names, and shows which tokens earned what of a reward.

        Raises UserError in a domain without sound, as here.
        """
        raise UserError(f"sequences of domain '{self.name}' do not sound; `report` shows them")

    def ratings(self) -> Ratings:
        """How its sequences are rated. Raises UserError in a domain where they cannot be, as here."""
        raise UserError(f"sequences of domain '{self.name}' cannot be rated")

    @abstractmethod
    def writers(self) -> dict[str, Writer]:
        """File formats the domain can write, by extension ("mid", "png", "smi", ...); csv and npz are general."""
