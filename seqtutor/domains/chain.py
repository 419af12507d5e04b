"""The teaching domain: short words over a few letters, all of which can be listed, so that the best policy is known.

The reward is a random number for every prefix, fixed by a seed. The data set `chain` was drawn from a random
second-order Markov chain (scripts/make-chain), so the prior learned from it is a random one too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqtutor.domains.base import DataSet, Domain, Writer
from seqtutor.domains.lookahead import Lookahead, Seen, State
from seqtutor.domains.reward_terms import Term, weighted_sum
from seqtutor.domains.rewards import PrefixReward, Reward, Rewards
from seqtutor.domains.statistics import Statistics
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.reading.records import Record, Rejected
from seqtutor.stats.estimate import Estimate, RatioSums, share_distinct
from seqtutor.system.files import packaged

if TYPE_CHECKING:
    import tensorflow as tf

LETTERS = "abcdefgh"
MOST = 100_000  # words that are still listed
SHA256 = "ea10da01263703f581b3da3399500bbe73bf8e67d3db005c7f6a55da8b87c8da"
SAMPLE = packaged("data", "chain", "words.txt")


class Chain(Domain):
    """Words of `length` letters out of the first `letters` of the alphabet; `table` is the seed of the reward."""

    name: ClassVar[str] = "chain"
    defaults: ClassVar[Mapping[str, Any]] = {"letters": 4, "length": 6, "table": 0}
    option_meanings: ClassVar[Mapping[str, str]] = {
        "letters": "how many different letters there are",
        "length": "letters of a word",
        "table": "seed of the random reward",
    }
    preparation: ClassVar[tuple[str, ...] | None] = ("letters", "length")
    reward_names: ClassVar[tuple[str, ...]] = ("random",)
    default_reward: ClassVar[str] = "random"

    def __init__(self, options: Mapping[str, Any] | None = None, vocabulary: Vocabulary | None = None):
        """See `Domain`. Raises UserError if there are too many words to list them all."""
        super().__init__(options, vocabulary)
        letters, length = self.options["letters"], self.options["length"]
        # The length is bounded by itself: the power of a huge one would take for ever.
        if not (2 <= letters <= len(LETTERS) and 1 <= length <= MOST.bit_length() and letters**length <= MOST):
            raise UserError(
                f"domain.letters is {letters} and domain.length {length}: give 2 to {len(LETTERS)} letters, "
                f"and at most {MOST} words in all"
            )
        self._vocabulary = Vocabulary(tuple(LETTERS[:letters]))

    def with_vocabulary(self, symbols: Iterable[str]) -> Domain:
        """Itself: the letters are an option, not what the data hold."""
        return self

    @property
    def length(self) -> int:
        """T, the letters of a word."""
        return self.options["length"]

    def tokenize(self, text: str) -> list[str]:
        """The letters of a word. Raises ValueError for another length than T."""
        if len(text) != self.length:
            raise ValueError(f"{len(text)} letters instead of {self.length}")
        return list(text)

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The word of tokens [t]."""
        return "".join(self.vocabulary.symbols[i] for i in tokens)

    def every(self) -> np.ndarray:
        """Every word there is, int32 [A^T, T]."""
        return np.array(list(itertools.product(range(self.vocabulary.size), repeat=self.length)), np.int32)

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        """A file of one word a line, or a table with a column text."""
        path, column = text_files.split_column(Path(path))
        if not path.is_file() or text_files.kind(path) not in (".txt", *text_files.TABLES):
            raise UserError(f"{path}: give a .txt file of one word a line, or a .csv or .tsv with a column text")
        return text_files.texts(path, path.name, column, ("text",))

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        """The words that come with seqtutor."""
        words = DataSet(
            "chain", "words of 6 letters out of 4, from a random Markov chain", "Apache-2.0", 4000, SHA256,
            lambda: SAMPLE if SAMPLE.exists() else None,
        )  # fmt: skip
        return {"chain": words}

    def reward(self, terms: Sequence[Term]) -> Reward:
        """See `RandomReward`."""
        return RandomReward(self, terms)

    def statistics(self, reference: set[str] | None, seed: int) -> Statistics:
        """The shares of distinct words and of words not in the reference."""
        return WordStatistics(self, reference)

    def writers(self) -> dict[str, Writer]:
        """None but the general ones."""
        return {}


class RandomReward(Reward):
    """A standard normal number for every prefix, by the domain's `table` seed."""

    names = ("random",)

    def __init__(self, domain: Chain, terms: Sequence[Term]):
        rng = np.random.default_rng(domain.options["table"])
        self._letters, self._terms = domain.vocabulary.size, terms
        self._tables = [rng.normal(size=self._letters ** (t + 1)) for t in range(domain.length)]

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens [N, T], the prefix read as a number in base A."""
        part, prefix = np.zeros(tokens.shape, np.float32), np.zeros(len(tokens), np.int64)
        for t, table in enumerate(self._tables[: tokens.shape[1]]):
            prefix = prefix * self._letters + tokens[:, t]
            part[:, t] = table[prefix]
        counts = np.ones(tokens.shape, bool)  # all words have T letters
        return Rewards(weighted_sum(self._terms, {"random": part}, counts), {"random": part})

    def prefix(self, n: int, length: int) -> PrefixReward:
        """Every letter is rewarded by the letters up to it."""
        return _RandomPrefix(self._tables, self._letters, self._terms, n)

    def lookahead(self, length: int, c: float) -> Lookahead:
        """Of the next letter everything is known."""

        def worth(values: np.ndarray) -> np.ndarray:
            return weighted_sum(self._terms, {"random": values}, np.ones(values.shape, bool)) / np.float32(c)

        return _RandomLookahead(self._tables, self._letters, worth)


class _RandomLookahead(Lookahead):
    """The rewards of the next letter. The state is the length of the word and its number in base A."""

    sizes = (1, 1)

    def __init__(self, tables: list[np.ndarray], letters: int, worth: Callable[[np.ndarray], np.ndarray]):
        import tensorflow as tf

        self._letters, self._last, self.width = letters, len(tables) - 1, letters
        rows = [table.reshape(-1, letters) for table in tables]
        self._first = tf.constant(np.cumsum([0, *map(len, rows)]), tf.int32)  # of the words of each length
        self._rows = tf.constant(worth(np.concatenate(rows).astype(np.float32)))

    def advance(self, tokens: tf.Tensor, state: State) -> State:
        """See `Lookahead`."""
        import tensorflow as tf

        count, word = state
        return count + 1, word * self._letters + tf.cast(tokens, tf.float32)[:, None]

    def look(self, state: State) -> Seen:
        """See `Lookahead`. There is nothing to count beyond the rewards."""
        import tensorflow as tf

        count, word = (tf.cast(part[:, 0], tf.int32) for part in state)
        row = tf.gather(self._first, tf.minimum(count, self._last)) + tf.where(count > self._last, 0, word)
        rewards = tf.gather(self._rows, row)
        return Seen(rewards, rewards)


class _RandomPrefix(PrefixReward):
    """The rewards of growing words; each is a number in base A."""

    def __init__(self, tables: list[np.ndarray], letters: int, terms: Sequence[Term], n: int):
        self._tables, self._letters, self._terms = iter(tables), letters, terms
        self._prefix = np.zeros(n, np.int64)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """See `PrefixReward`."""
        self._prefix = self._prefix * self._letters + tokens
        part = next(self._tables)[self._prefix].astype(np.float32)
        return weighted_sum(self._terms, {"random": part}, np.ones(part.shape, bool))

    def select(self, index: np.ndarray) -> None:
        """See `PrefixReward`."""
        self._prefix = self._prefix[index]


class WordStatistics(Statistics):
    """How many words are distinct, and how many are in no reference."""

    def __init__(self, domain: Chain, reference: set[str] | None):
        self._base = domain.vocabulary.size ** np.arange(domain.length)
        self._counts = np.zeros(domain.vocabulary.size**domain.length, np.int64)
        self._novel = RatioSums(share=True)
        self._known = reference
        self._decode = domain.decode

    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds words."""
        np.add.at(self._counts, tokens @ self._base, 1)
        if self._known is not None:
            self._novel.add(np.array([self._decode(row) not in self._known for row in tokens]))

    def result(self) -> dict[str, Estimate]:
        """`unique`, and `novel` where there is a reference."""
        novel = {} if self._known is None else {"novel": self._novel.estimate()}
        return {"unique": share_distinct(self._counts[self._counts > 0]), **novel}
