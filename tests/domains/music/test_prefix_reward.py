"""The rules on growing melodies against the rules on whole ones: the same numbers at every step, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.domains.music.reward import MusicTheory
from seqtutor.domains.music.rules import RULES
from tests.support.any_melodies import METERS, SCALES, any_melodies
from tests.support.terms import terms

GOLDEN = np.load(Path(__file__).parents[2] / "data" / "magenta_rewards.npz", allow_pickle=False)["tokens"]
ALL = {"music-theory": 1.0}


def whole(reward, tokens):
    return reward(tokens, np.full(len(tokens), tokens.shape[1], np.int32)).total


def grown(reward, tokens):
    prefix = reward.prefix(*tokens.shape)
    return np.stack([prefix.step(column) for column in tokens.T], axis=1)


def assert_equal_to_the_batch(reward, tokens):
    np.testing.assert_array_equal(grown(reward, tokens), whole(reward, tokens))


@pytest.mark.parametrize("name", RULES)
@given(tokens=any_melodies(), scale=st.sampled_from(SCALES), meter=st.sampled_from(METERS))
def test_each_rule_is_the_batch_rule(name, tokens, scale, meter):
    assert_equal_to_the_batch(MusicTheory(terms({name: 1.0}), scale, meter), tokens)


@pytest.mark.parametrize("meter", METERS, ids=str)
def test_real_melodies_in_every_meter(meter):
    assert_equal_to_the_batch(MusicTheory(terms(ALL), meter=meter), GOLDEN.astype(np.int32))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 9, 16, 48, 128, 300])
def test_any_length(length):
    tokens = np.resize(GOLDEN[::-1], (20, length)).astype(np.int32)
    assert_equal_to_the_batch(MusicTheory(terms(ALL)), tokens)


def test_weights_and_transforms():
    weights = {"repeated_notes@clip/-1/0": 2, "leaps@step/5": -1, "music-theory": 0.3, "motif": 1.7}
    assert_equal_to_the_batch(MusicTheory(terms(weights)), GOLDEN.astype(np.int32))
    nothing = MusicTheory(terms({"key": 0.0}))
    assert_equal_to_the_batch(nothing, GOLDEN[:3].astype(np.int32))


@given(
    tokens=any_melodies(), scale=st.sampled_from(SCALES), meter=st.sampled_from(METERS), seed=st.integers(0, 2**32 - 1)
)
def test_after_any_selections_the_rest_is_that_of_the_selected_melodies(tokens, scale, meter, seed):
    rng, reward = np.random.default_rng(seed), MusicTheory(terms(ALL), scale, meter)
    prefix, lineage, earned = reward.prefix(*tokens.shape), tokens, np.zeros(tokens.shape, np.float32)
    for t in range(tokens.shape[1]):
        earned[:, t] = prefix.step(lineage[:, t])
        if rng.random() < 0.4:
            index = rng.integers(0, len(lineage), rng.integers(1, 8))
            prefix.select(index)
            lineage, earned = lineage[index], earned[index]
            lineage[:, t + 1 :] = rng.permuted(lineage[:, t + 1 :], axis=0)  # copies go different ways
    np.testing.assert_array_equal(earned, whole(reward, lineage))


def test_golden_melodies_after_selections_without_and_with_copies():
    rng, reward = np.random.default_rng(0), MusicTheory(terms(ALL))
    tokens = GOLDEN.astype(np.int32)
    prefix, lineage, earned = reward.prefix(*tokens.shape), tokens, np.zeros(tokens.shape, np.float32)
    for t in range(tokens.shape[1]):
        earned[:, t] = prefix.step(lineage[:, t])
        index = rng.permutation(len(lineage)) if t % 2 else rng.integers(0, len(lineage), len(lineage))
        prefix.select(index)
        lineage, earned = lineage[index], earned[index]
    np.testing.assert_array_equal(earned, whole(reward, lineage))
