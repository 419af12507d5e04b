"""The reward that weighs rules and turns: by hand, as the sum of its features, and token by token to the bit."""

import numpy as np
import pytest

from seqtutor.domains.music import Music
from seqtutor.domains.music.rules import RULES
from seqtutor.domains.music.taste import NAMES

MUSIC = Music()


def counts(text):
    """The features of one melody that are not 0, but for the rules."""
    tokens = MUSIC.encode(text)[None]
    found = MUSIC.ratings().features(tokens, np.array([tokens.shape[1]]))
    return {name: int(value[0]) for name, value in found.items() if name in NAMES and value[0]}


def test_the_classes_of_a_melody():
    assert counts("C4 hold E4 off hold D4 D4 G5") == {
        "octave: C4 to B4": 4, "octave: C5 to B5": 1,
        "degree: 0 above the tonic": 1, "degree: 2 above the tonic": 2, "degree: 4 above the tonic": 1,
        "degree: 7 above the tonic": 1,
        "interval: up a third": 1, "interval: down a step": 1, "interval: the same note": 1,
        "interval: up over a fifth": 1,
        "turn: up, then down": 1, "turn: down, then same": 1, "turn: same, then up": 1,
        "length: 2 sixteenths": 1, "length: 3 sixteenths": 1, "length: 1 sixteenth": 2,
    }  # fmt: skip
    assert counts("hold off hold") == {}


@pytest.fixture(scope="module")
def weighed():
    """Random weights, their reward, and melodies of several lengths."""
    rng = np.random.default_rng(0)
    weights = {name: float(rng.normal()) for name in (*RULES, *NAMES)}
    tokens = np.where(rng.random((64, 40)) < 0.4, 1, rng.integers(0, 38, (64, 40))).astype(np.int32)
    return weights, MUSIC.ratings().reward(weights), tokens, rng.integers(1, 41, 64).astype(np.int32)


def test_the_reward_is_the_sum_of_weights_times_features(weighed):
    weights, reward, tokens, lengths = weighed
    found = MUSIC.ratings().features(tokens, lengths)
    assert set(found) == set(weights)
    wanted = sum(weights[name] * values for name, values in found.items())
    scored = reward(tokens, lengths)
    np.testing.assert_allclose(scored.total.sum(axis=1), wanted, rtol=1e-4, atol=1e-3)
    assert not scored.total[np.arange(40) >= lengths[:, None]].any()
    np.testing.assert_allclose(sum(reward.shares(tokens, lengths).values()), scored.total, atol=1e-4)


def test_token_by_token_to_the_bit_with_melodies_copied_and_left_out(weighed):
    _, reward, tokens, _ = weighed
    prefix, rows = reward.prefix(64, 40), np.arange(64)
    rng, earned = np.random.default_rng(1), []
    grown = np.zeros((64, 0), np.int32)
    for t in range(40):
        grown = np.concatenate([grown, tokens[rows, t][:, None]], axis=1)
        earned.append(prefix.step(grown[:, t]))
        if t % 7 == 3:
            index = np.sort(rng.integers(0, len(grown), len(grown) - 3))
            prefix.select(index)
            grown, rows, earned = grown[index], rows[index], [each[index] for each in earned]
    whole = reward(grown, np.full(len(grown), 40, np.int32)).total
    np.testing.assert_array_equal(np.stack(earned, axis=1), whole)
