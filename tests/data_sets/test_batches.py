"""Batches: every piece once an epoch, little padding, the same again from the same seed, resumed in the middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.data.batches import Batches, pieces
from seqtutor.data.corpus import Corpus
from tests.support.toy import LETTERS, Toy

PAD = 0


def made(lengths):
    """A corpus of sequences with these lengths whose tokens, 1, 2, 3 ... in order, tell where they came from."""
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    tokens = np.arange(1, offsets[-1] + 1, dtype=np.uint32)
    return Corpus(Toy().with_vocabulary(LETTERS), "made", "", tokens, offsets, [], None, b"[]")


def rng(seed=0):
    return np.random.default_rng(seed)


def rows(batches):
    """Each row as the tuple of its tokens that count; checks what every batch must be."""
    for tokens, lengths in batches:
        assert tokens.dtype == lengths.dtype == np.int32
        assert tokens.shape == (len(lengths), lengths.max())
        for row, n in zip(tokens, lengths, strict=True):
            assert (row[n:] == PAD).all()
            yield tuple(row[:n].tolist())


def test_exact_pieces():
    starts, lengths = pieces(made([5, 2, 3, 4]), np.array([3, 0, 2]), 2)
    assert starts.tolist() == [10, 12, 0, 2, 4, 7, 9]
    assert lengths.tolist() == [2, 2, 2, 2, 1, 2, 1]


def test_exact_fixed_batches():
    first, second = Batches(made([3, 1, 5]), np.arange(3), 2, 4, PAD).fixed()
    assert first[0].tolist() == [[4], [9]] and first[1].tolist() == [1, 1]
    assert second[0].tolist() == [[1, 2, 3, 0], [5, 6, 7, 8]] and second[1].tolist() == [3, 4]


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), max_size=60), batch=st.integers(1, 9), max_length=st.integers(1, 12),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_every_piece_is_in_exactly_one_batch(lengths, batch, max_length, seed):
    corpus, indices = made(lengths), np.arange(0, len(lengths), 2)
    batches = Batches(corpus, indices, batch, max_length, PAD)
    expected = [
        tuple(corpus[i][at : at + max_length].tolist()) for i in indices for at in range(0, lengths[i], max_length)
    ]
    assert sorted(rows(batches.epoch(rng(seed)))) == sorted(expected)
    assert sorted(rows(batches.fixed())) == sorted(expected)
    assert len(batches) == len(list(batches.epoch(rng(seed)))) == -(-len(expected) // batch)
    assert batches.tokens == sum(map(len, expected))


def realistic():
    """Lengths like tunes': many short, few very long."""
    return made(np.clip(rng(1).lognormal(4, 0.6, 20_000), 8, 1000).astype(int))


@pytest.mark.parametrize("batch", [32, 128])
def test_little_is_padding(batch):
    corpus = realistic()
    batches = Batches(corpus, np.arange(len(corpus)), batch, 128, PAD)
    cells = sum(tokens.size for tokens, _ in batches.epoch(rng()))
    assert batches.padding(rng()) == pytest.approx(1 - batches.tokens / cells)
    assert batches.padding(rng()) < 0.1


def test_order_is_random_between_epochs_and_among_lengths():
    corpus = realistic()
    batches = Batches(corpus, np.arange(len(corpus)), 32, 128, PAD)
    one, other = ([tokens[:, 0] for tokens, _ in batches.epoch(rng(seed))] for seed in (1, 2))
    assert not np.array_equal(one[0], other[0])
    longest = np.array([lengths.max() for _, lengths in batches.epoch(rng())])
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.1  # neither from short to long nor back


@pytest.mark.parametrize("start", [0, 1, 100, 10_000])
def test_resuming_is_the_same_as_going_on(start):
    corpus = realistic()
    batches = Batches(corpus, np.arange(len(corpus)), 128, 64, PAD)
    whole, rest = list(batches.epoch(rng(3)))[start:], list(batches.epoch(rng(3), start))
    assert len(whole) == len(rest)
    for (tokens, lengths), (same_tokens, same_lengths) in zip(whole, rest, strict=True):
        assert np.array_equal(tokens, same_tokens) and np.array_equal(lengths, same_lengths)


def test_no_sequences_give_no_batches():
    batches = Batches(made([3]), np.array([], np.int64), 2, 4, PAD)
    assert len(batches) == 0 and list(batches.epoch(rng())) == [] and list(batches.fixed()) == []
    assert batches.padding(rng()) == 0
