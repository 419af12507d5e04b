"""The tuning loop around the learner: schedules, the replay ratio, what a row of history says."""

import numpy as np
import pytest

from seqtutor.config import TuneConfig
from seqtutor.domains.rewards import Rewards
from seqtutor.policy.sampler import Rollout
from seqtutor.tuning.round_draws import RoundDraw, Weights, exploration, summarise
from seqtutor.tuning.tuner import learning_rate


def test_learning_rate_rises_then_falls_to_its_last_share():
    settings = TuneConfig(rounds=101, warmup=4, learning_rate=1.0, final_rate=0.2)
    rates = [learning_rate(settings, number) for number in range(101)]
    np.testing.assert_allclose(rates[:4], [0.2, 0.4 * 0.992, 0.6 * 0.984, 0.8 * 0.976])
    np.testing.assert_allclose(rates[50], 0.6)
    np.testing.assert_allclose(rates[100], 0.2)
    assert learning_rate(TuneConfig(rounds=1, warmup=0, learning_rate=3.0), 0) == 3.0


def test_exploration_is_as_set():
    assert exploration(TuneConfig(temperature=2.0)).epsilon is None
    assert exploration(TuneConfig(temperature=2.0)).temperature == 2.0
    assert exploration(TuneConfig(exploration="epsilon-greedy", epsilon=0.25)).epsilon == 0.25


def test_a_row_of_history_by_hand():
    tokens, lengths = np.array([[1, 2, 0], [1, 0, 0]], np.int32), np.array([3, 2], np.int32)
    floats = np.array([[[1, 2, 3], [4, 5, 0]]] * 4, np.float32) * np.array([-1, -2, 1, 3])[:, None, None]
    drawn = Rollout(tokens, lengths, *floats.astype(np.float32))
    scored = Rewards(np.array([[0, 0, 8.0], [0, -2.0, 0]]), {"valid": np.array([[0, 0, 1], [0, 0, 0]])})
    row = summarise(RoundDraw(drawn, np.zeros((2, 0), np.int32), 0, np.random.default_rng()), scored, c=2.0)
    assert row["reward"] == 3.0
    assert row["kl_sequence"] == pytest.approx(7.5)
    assert row["objective"] == pytest.approx(3.0 / 2.0 - 7.5)
    assert row["kl"] == pytest.approx(15 / 5)
    assert row["log_prob"] == pytest.approx(-15 / 5)
    assert row["log_prior"] == pytest.approx(-30 / 5)
    assert row["entropy"] == pytest.approx(45 / 5)
    assert row["length"] == 2.5
    assert row["distinct"] == 1.0
    assert row["reward_valid"] == 0.5


def test_a_row_of_populations_is_of_those_that_would_be_picked():
    """Two populations of two: the weights of the picked are 1, 0 and 1/2, 1/2."""
    tokens, lengths = np.array([[1, 2], [1, 1], [0, 1], [0, 0]], np.int32), np.full(4, 2, np.int32)
    floats = np.zeros((4, 4, 2), np.float32)
    with np.errstate(divide="ignore"):
        weights = Weights.of(np.log([[1.0, 0.0], [0.5, 0.5]]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(weights.learning, 4 * np.array([np.e, 0, np.e**3 / 2, np.e**3 / 2]) / (np.e + np.e**3))
    scored = Rewards(np.array([[0, 8.0], [0, 100.0], [2.0, 0], [4.0, 0]]), {})
    drawn = RoundDraw(
        Rollout(tokens, lengths, *floats), np.zeros((4, 0), np.int32), 0, np.random.default_rng(), weights
    )
    row = summarise(drawn, scored, c=2.0)
    assert row["reward"] == pytest.approx((8 + 3) / 2)
    assert row["objective"] == pytest.approx(2.0)
    assert row["kl_sequence"] == pytest.approx(5.5 / 2 - 2)
