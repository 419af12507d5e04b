import numpy as np

from seqtutor.tuning.replay import Replay


def rows(*values):
    return {"x": np.array(values), "y": np.array(values)[:, None] * 10}


def test_the_newest_rows_are_kept():
    replay = Replay(4)
    replay.add(rows(1, 2, 3))
    assert len(replay) == 3
    replay.add(rows(4, 5, 6))
    assert len(replay) == 4
    _, drawn, weight = replay.draw(1000, np.random.default_rng(0))
    assert set(drawn["x"]) == {3, 4, 5, 6}
    np.testing.assert_array_equal(drawn["y"][:, 0], drawn["x"] * 10)
    assert (weight == 1).all()


def test_a_batch_larger_than_the_ring():
    replay = Replay(2)
    replay.add(rows(1, 2, 3))
    assert set(replay.draw(100, np.random.default_rng(0))[1]["x"]) == {2, 3}


def test_priorities_set_the_odds_and_the_weights_undo_them():
    replay = Replay(3, alpha=1.0)
    replay.add(rows(1, 2, 3))
    replay.update(np.array([0, 1, 2]), np.array([1.0, 1.0, 2.0]))
    _, drawn, weight = replay.draw(40000, np.random.default_rng(0))
    shares = [(drawn["x"] == value).mean() for value in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.25, 0.25, 0.5], atol=0.01)
    np.testing.assert_allclose(weight, np.where(drawn["x"] == 3, 0.5, 1.0), rtol=1e-4)
    means = [(weight * (drawn["x"] == value)).mean() for value in (1, 2, 3)]
    np.testing.assert_allclose(means, 0.25, atol=0.01)


def test_new_rows_enter_with_the_highest_priority():
    replay = Replay(3, alpha=1.0)
    replay.add(rows(1, 2))
    replay.update(np.array([0, 1]), np.array([1.0, 9.0]))
    replay.add(rows(3))
    _, drawn, _ = replay.draw(20000, np.random.default_rng(0))
    np.testing.assert_allclose((drawn["x"] == 3).mean(), 9 / 19, atol=0.02)


def test_a_restored_replay_draws_the_same():
    for count in (2, 7):  # not yet full, and gone round
        one = Replay(5, alpha=0.5)
        for i in range(count):
            one.add(rows(i))
        one.update(np.array([0, 1]), np.array([3.0, 0.5]))
        other = Replay(5, alpha=0.5)
        other.restore(one.state())
        for replay in (one, other):
            replay.add(rows(100))
        a, b = (replay.draw(50, np.random.default_rng(4)) for replay in (one, other))
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1]["x"], b[1]["x"])
        np.testing.assert_array_equal(a[2], b[2])


def test_an_empty_replay_restores():
    other = Replay(5)
    other.restore(Replay(5).state())
    assert len(other) == 0
