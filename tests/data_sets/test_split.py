"""The split of a corpus: a partition by content, fixed by the seed."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.config import DataConfig
from seqtutor.data import corpus
from tests.support.toy import LETTERS, Toy


def made(rows):
    """A corpus of token rows, without any file."""
    tokens = np.array([token for row in rows for token in row], np.uint8)
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    names = json.dumps([str(i) for i in range(len(rows))]).encode()
    return corpus.Corpus(Toy().with_vocabulary(LETTERS), "made", "", tokens, offsets, [], None, names)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), max_size=60),
    validation=st.floats(0, 0.49), test=st.floats(0, 0.49), seed=st.integers(0, 99),
)  # fmt: skip
def test_split_is_a_partition_by_content(rows, validation, test, seed):
    whole, config = made(rows), DataConfig(validation=validation, test=test)
    parts = corpus.split(whole, config, seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(rows)))
    distinct = [{tuple(rows[i]) for i in part} for part in parts.values()]
    total = len({tuple(row) for row in rows})
    assert sum(map(len, distinct)) == total  # no content in two of them
    assert bool(distinct[0]) == bool(rows)
    if total >= 3:
        assert [len(part) > 0 for part in distinct[1:]] == [validation > 0, test > 0]
        for part, share in zip(distinct[1:], (validation, test), strict=True):
            assert abs(len(part) - share * total) <= 1
    again = corpus.split(whole, config, seed)
    assert all(np.array_equal(parts[name], again[name]) for name in parts)


def test_split_depends_on_the_seed_alone():
    whole = made([[i // 100, i // 10 % 10, i % 10] for i in range(1000)])
    config = DataConfig(validation=0.1, test=0.2)
    one, other = (corpus.split(whole, config, seed) for seed in (1, 2))
    assert {name: len(part) for name, part in one.items()} == {"train": 700, "validation": 100, "test": 200}
    assert not np.array_equal(one["test"], other["test"])
