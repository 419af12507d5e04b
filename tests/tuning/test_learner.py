"""The learner and the loop of rounds, on a problem small enough to enumerate."""

from copy import deepcopy

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig, TuneConfig
from seqtutor.domains.reward_terms import Term
from seqtutor.errors import UserError
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.sequence_model import SequenceModel, shift_right
from seqtutor.tuning.learner import Learner
from seqtutor.tuning.tuner import Tuner
from tests.support.line import ACTIONS, LENGTH, LINE, REWARD, log_probs, make_prior, settings

WITH_PRIOR = sorted(VARIANTS.keys() - {"rl-only"})
SOFT = VARIANTS.keys() - {"q", "rl-only"}


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_a_tuned_policy_starts_as_the_prior(name):
    prior = make_prior()
    tuner = Tuner(settings(name), LINE, prior, REWARD)
    np.testing.assert_allclose(log_probs(tuner.policy), log_probs(Policy(prior)), atol=1e-6)


def test_rl_only_does_not_start_as_the_prior():
    prior = make_prior()
    tuner = Tuner(settings("rl-only"), LINE, prior, REWARD)
    assert np.abs(log_probs(tuner.policy) - log_probs(Policy(prior))).max() > 0.5


def minibatch(rng, n=8):
    tokens = rng.integers(0, ACTIONS, (n, LENGTH)).astype(np.int32)
    lengths = rng.integers(1, LENGTH + 1, n).astype(np.int32)
    reward = rng.normal(size=(n, LENGTH)).astype(np.float32)
    log_prior, weights = -rng.random((n, LENGTH), np.float32), np.ones(n, np.float32)
    return tokens, lengths, np.zeros((n, 0), np.int32), reward, log_prior, weights


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_only_the_online_network_has_a_gradient(name):
    learner = Learner(VARIANTS[name], make_prior(), settings(name).tune, seed=0, begin=ACTIONS)
    tokens, lengths, primer, *rest = (tf.constant(array) for array in minibatch(np.random.default_rng(0)))
    mask = tf.sequence_mask(lengths, LENGTH, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        for tensor in rest:
            tape.watch(tensor)
        loss = learner.loss(tokens, mask, primer, *rest).loss
    online = tape.gradient(loss, learner.online.variables)
    assert any(gradient is not None and np.abs(tf.convert_to_tensor(gradient)).max() > 0 for gradient in online)
    for others in (learner.target.variables, learner.prior.variables, rest[:2]):
        assert tape.gradient(loss, others) == [None] * len(others)


@pytest.mark.parametrize("name", sorted(name for name, row in VARIANTS.items() if row.target))
def test_an_update_moves_the_target_by_its_rate_and_never_the_prior(name):
    config = settings(name, target_rate=0.25).tune
    learner = Learner(VARIANTS[name], make_prior(), config, seed=0, begin=ACTIONS)
    prior, before = learner.prior.get(), learner.target.get()
    learner.update(*minibatch(np.random.default_rng(1)))
    after, online = learner.target.get(), learner.online.get()
    for key, old in before.items():
        np.testing.assert_allclose(after[key], old + 0.25 * (online[key] - old), atol=1e-6)
        np.testing.assert_array_equal(learner.prior.get()[key], prior[key])
    assert any(not np.array_equal(online[key], before[key]) for key in before)


@pytest.mark.parametrize("name", sorted(name for name, row in VARIANTS.items() if row.target))
def test_the_token_that_was_drawn_is_the_one_learned_from(name):
    """The error of place t is target minus the value of tokens[t], whichever action is the likeliest there."""
    learner = Learner(VARIANTS[name], make_prior(), settings(name).tune, seed=0, begin=ACTIONS)
    tokens, lengths, primer, *rest = map(tf.constant, minibatch(np.random.default_rng(3)))
    out = learner.loss(tokens, tf.sequence_mask(lengths, LENGTH, tf.float32), primer, *rest)
    scores = learner.online.unroll(shift_right(tokens, ACTIONS))
    values = learner._variant.action_values(scores.logits, scores.value).numpy()
    assert (values.argmax(axis=2) != tokens.numpy()).any()
    for row, n in enumerate(lengths.numpy()):
        for t in range(n):
            expected = out.target[row, t] - values[row, t, tokens[row, t]]
            assert float(out.td_error[row, t]) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_the_level_of_the_values_is_no_part_of_the_policy(name):
    prior = make_prior()
    tuner = Tuner(settings(name), LINE, prior, REWARD)
    tuner.learner.online.weights["value/bias"].assign([1000.0])
    np.testing.assert_allclose(log_probs(tuner.policy), log_probs(Policy(prior)), atol=1e-6)


def test_the_replay_holds_whole_sequences_and_no_recurrent_state():
    tuner = Tuner(settings("psi", batch=8), LINE, make_prior(), REWARD)
    tuner.round(0)
    rows = {
        name: array.shape for name, array in tuner.snapshot(1).group("replay/0").items() if name.startswith("rows/")
    }
    assert rows == {
        "rows/tokens": (8, LENGTH), "rows/lengths": (8,), "rows/primer": (8, 0), "rows/reward": (8, LENGTH),
        "rows/log_prior": (8, LENGTH),
    }  # fmt: skip


def test_the_value_after_the_last_token_is_zero():
    """A sequence's last target is r / c + log p, whatever the target network says of what would follow."""
    learner = Learner(VARIANTS["psi"], make_prior(), settings("psi", c=2.0, discount=0.9).tune, seed=0, begin=ACTIONS)
    learner.target.weights["value/bias"].assign([1000.0])
    tokens, lengths, primer, reward, log_prior, weight = map(tf.constant, minibatch(np.random.default_rng(2)))
    mask = tf.sequence_mask(lengths, LENGTH, tf.float32)
    target = learner.loss(tokens, mask, primer, reward, log_prior, weight).target.numpy()
    for row, n in enumerate(lengths.numpy()):
        np.testing.assert_allclose(target[row, n - 1], reward[row, n - 1] / 2.0 + log_prior[row, n - 1], rtol=1e-6)
        assert (target[row, : n - 1] > 800).all()


@pytest.mark.parametrize("name", sorted(SOFT))
def test_large_c_gives_the_prior_back(name):
    prior = make_prior()
    tuner = Tuner(settings(name, c=1e6, rounds=20), LINE, prior, REWARD)
    for number in range(20):
        row, distributions = tuner.round(number)
    assert row["kl_sequence"] < 0.02
    assert set(row) >= {
        "step",
        "loss",
        "td_error",
        "reward",
        "objective",
        "kl",
        "entropy",
        "log_prior",
        "reward_random",
    }
    if name != "dpg":  # its units share one row of the log: no array of one KL per sequence
        assert distributions["sequence_kl"].mean() == pytest.approx(row["kl_sequence"])


@pytest.mark.parametrize(("name", "over"), [*((name, {}) for name in sorted(VARIANTS)), ("g", {"lookahead": True})])
def test_a_restored_tuner_goes_on_to_the_bit(name, over):
    config = settings(name, batch=16, minibatch=8, buffer=24, rounds=6, priority=0.5, **over)
    whole, resumed = (Tuner(config, LINE, make_prior(), REWARD) for _ in range(2))
    for number in range(3):
        whole.round(number)
    resumed.restore(deepcopy(whole.snapshot(3)))
    for number in range(3, 6):
        a, b = whole.round(number)[0], resumed.round(number)[0]
        assert a == b
    for key, value in whole.snapshot(6).arrays.items():
        np.testing.assert_array_equal(value, resumed.snapshot(6).arrays[key], err_msg=key)


@pytest.mark.parametrize("name", ["dap", "pg"])
@pytest.mark.parametrize("over", [{"temperature": 2.0}, {"exploration": "epsilon-greedy"}])
def test_on_policy_variants_refuse_another_policy_to_explore_with(name, over):
    with pytest.raises(UserError, match="learns from its own policy"):
        Tuner(settings(name, **over), LINE, make_prior(), REWARD)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_half_may_be_empty_or_of_single_tokens(cell):
    """With a network that does not read the begin token, a sequence of one token has no input at all."""
    network = ModelConfig(cell=cell, units=5, reads_begin=False)
    learner = Learner(VARIANTS["psi"], SequenceModel(network, ACTIONS), TuneConfig(), seed=0, begin=ACTIONS)
    for lengths in ([4], [1, 1, 4, 4], [1, 1]):
        tokens, _, primer, reward, log_prior, weight = minibatch(np.random.default_rng(7), len(lengths))
        most = max(lengths)
        out = learner.update(
            tokens[:, :most], np.array(lengths, np.int32), primer, reward[:, :most], log_prior[:, :most], weight
        )
        assert np.isfinite(out["loss"])
        assert np.isfinite(out["td_error_by_sequence"]).all()


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_an_update_is_the_same_in_any_order_and_however_far_it_is_padded(name):
    """The halves of a minibatch are cut to their longest sequence; what each error is of stays known.

    It is compiled once, whatever the sizes.
    """
    batch = minibatch(np.random.default_rng(5), 7)
    lengths, order = batch[1], np.random.default_rng(6).permutation(7)
    assert lengths.min() < lengths.max()
    wider = [np.pad(a, ((0, 0), (0, 3))) if i in (0, 3, 4) else a for i, a in enumerate(batch)]
    learner, outs = Learner(VARIANTS[name], make_prior(), settings(name).tune, seed=0, begin=ACTIONS), []
    begun, moments = learner.online.get(), [variable.numpy() for variable in learner.optimizer.variables]
    for arrays in (batch, [array[order] for array in batch], wider):
        learner.begin_at(begun)
        for variable, value in zip(learner.optimizer.variables, moments, strict=True):
            variable.assign(value)
        outs.append((learner.update(*arrays), learner.online.get()))
    (out, weights), (turned, after), (padded, same) = outs
    errors = out["td_error_by_sequence"].numpy()
    assert len(np.unique(errors)) == 7
    np.testing.assert_allclose(turned["td_error_by_sequence"], errors[order], rtol=1e-4)
    np.testing.assert_allclose(padded["td_error_by_sequence"], errors, rtol=1e-6)
    np.testing.assert_allclose([turned["loss"], padded["loss"]], 2 * [out["loss"]], rtol=1e-5)
    for key, value in weights.items():
        np.testing.assert_allclose(after[key], value, atol=1e-4, err_msg=key)
        np.testing.assert_allclose(same[key], value, atol=1e-6, err_msg=key)
    for n in (8, 1, 5):
        tokens, lengths, primer, reward, log_prior, weight = minibatch(np.random.default_rng(n), n)
        most = lengths.max()
        out = learner.update(tokens[:, :most], lengths, primer, reward[:, :most], log_prior[:, :most], weight)
        assert np.isfinite(out["loss"])
    assert learner._update.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("name", "expected"), [("psi", "start update draw wait"), ("pg", "draw start wait update")])
def test_learning_and_drawing_go_on_while_the_scorers_work(name, expected, monkeypatch):
    """Unless the variant learns on-policy: then they must wait for the rewards."""
    events = []

    class Slow(type(REWARD)):
        def start(self, tokens, lengths):
            events.append("start")

            def wait():
                events.append("wait")
                return self(tokens, lengths)

            return wait

    tuner = Tuner(
        settings(name, batch=8, minibatch=8, replay_ratio=1), LINE, make_prior(), Slow(LINE, [Term("random")])
    )
    tuner.round(0)
    events.clear()
    update = tuner.learner.update
    monkeypatch.setattr(tuner.learner, "update", lambda *batch: (events.append("update"), update(*batch))[1])
    draw = tuner._drawer.draw
    monkeypatch.setattr(tuner._drawer, "draw", lambda *batch: (events.append("draw"), draw(*batch))[1])
    tuner.round(1)
    assert " ".join(events) == expected


def test_populations_keep_their_weights_in_the_replay():
    tuner = Tuner(settings("dpg", particles=4, batch=16, minibatch=8), LINE, make_prior(), REWARD)
    for number in range(2):
        row, _ = tuner.round(number)
    weight = tuner.snapshot(2).group("replay/0")["rows/weight"]
    assert weight.shape == (32,)
    np.testing.assert_allclose([weight[:16].mean(), weight[16:].mean()], 1.0, rtol=1e-5)
    assert np.isfinite(list(row.values())).all()


@pytest.mark.parametrize(
    ("name", "over", "says"),
    [
        ("pg", {"particles": 4}, "learns on-policy"),
        ("psi", {"particles": 4, "temperature": 2.0}, "tune.particles learns"),
        ("dpg", {"exploration": "epsilon-greedy"}, "dpg learns from its own"),
    ],
)  # fmt: skip
def test_populations_that_cannot_be(name, over, says):
    with pytest.raises(UserError, match=says):
        Tuner(settings(name, **over), LINE, make_prior(), REWARD)


@pytest.mark.parametrize("name", ["pcl", "g"])
def test_a_wider_network_starts_as_the_prior(name):
    prior = make_prior()
    tuner = Tuner(settings(name, units=40), LINE, prior, REWARD)
    np.testing.assert_allclose(log_probs(tuner.policy), log_probs(Policy(prior)), atol=1e-5)
    assert tuner.learner.online.config.sizes == (40,)
    with pytest.raises(UserError, match=r"tune\.units is 8"):
        Tuner(settings(name, units=8), LINE, prior, REWARD)
