"""Policies that are told of the next token: drawing, judging and exporting agree, and a primer is no part of it."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig, TuneConfig, changed
from seqtutor.domains import domain_class
from seqtutor.domains.reward_terms import parse
from seqtutor.exchange.saved_model import Exported
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Sampler
from seqtutor.policy.sequence_model import SequenceModel, shift_right
from seqtutor.runs.run import load_run
from seqtutor.tuning.learner import Learner
from tests.support.commands import untrained

C = 8.0
SYMBOLS = ("(", ")", "=", "C", "N", "O", "c", "n", "1", "2")  # of molecules; more are in front


def policy_of(name, variant, units=12, told=False):
    """A domain and a policy of random weights that is told what its default reward or the domain knows.

    told: its prior is, too.
    """
    domain = domain_class(name)({"length": 16} if name == "molecules" else {})
    domain = domain.with_vocabulary(SYMBOLS)  # of molecules; the others have their own
    actions, reward = domain.vocabulary.size, domain.reward(parse(domain.default_reward, domain.reward_names))
    lookahead = reward.lookahead(domain.length, C) or domain.lookahead()
    prior = SequenceModel(ModelConfig(units=units), actions, seed=1, features=lookahead.width if told else 0)
    tuned = SequenceModel(ModelConfig(units=units), actions, seed=2, features=lookahead.width)
    rng = np.random.default_rng(3)
    for network in (prior, tuned) if told else (tuned,):
        shapes = {name: array.shape for name, array in network.get().items()}
        network.set({name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()})
    return domain, Policy(prior, tuned, VARIANTS[variant], lookahead=lookahead)


@pytest.mark.parametrize("variant", ["psi", "g"])
@pytest.mark.parametrize(
    ("name", "told"), [("chain", False), ("music", False), ("molecules", False), ("molecules", True)]
)
def test_sequences_are_judged_as_they_were_drawn(name, told, variant):
    """Without a primer, and after one."""
    domain, policy = policy_of(name, variant, told=told)
    sampler, module = Sampler(policy, domain.vocabulary, domain.length), Exported(policy, domain.vocabulary)
    rng = np.random.default_rng(0)
    for primed in (0, 3):
        uniforms = rng.random((30, domain.length), np.float32)
        primers = rng.integers(1, domain.vocabulary.size, (30, primed), np.int32)
        drawn = sampler.draw(uniforms, primers)
        counts = np.arange(domain.length) < drawn.lengths[:, None]
        for got, wanted in zip(policy.log_probs(drawn.tokens, primers), (drawn.log_prob, drawn.log_prior), strict=True):
            np.testing.assert_allclose(np.where(counts, got, 0.0), wanted, atol=1e-4)
        got = module.sample(tf.constant(uniforms), tf.constant(primers), tf.constant(1.0))
        np.testing.assert_array_equal(got["tokens"], drawn.tokens)
        judged = module.log_prob(tf.constant(drawn.tokens), tf.constant(drawn.lengths), tf.constant(primers))
        np.testing.assert_allclose(judged["log_prob"], drawn.log_prob, atol=1e-4)


def test_a_learner_judges_molecules_after_a_scaffold_as_they_were_drawn():
    """The lookahead reads the scaffold; and lengths are rounded up where it is compiled, which changes nothing."""
    domain, policy = policy_of("molecules", "psi")
    primers = np.random.default_rng(0).integers(1, domain.vocabulary.size, (20, 5), np.int32)
    uniforms = np.random.default_rng(1).random((20, domain.length), np.float32)
    drawn = Sampler(policy, domain.vocabulary, domain.length).draw(uniforms, primers)
    begin = domain.vocabulary.begin
    learner = Learner(VARIANTS["pcl"], policy.prior, TuneConfig(), 0, begin, lookahead=policy.lookahead)
    learner.online.set(policy.tuned.get())
    longest = drawn.lengths.max()
    tokens = tf.constant(drawn.tokens[:, :longest])
    log_pi, _ = learner._policy(tf.ones(tokens.shape), tf.constant(primers), tokens)
    counts = np.arange(longest) < drawn.lengths[:, None]
    np.testing.assert_allclose(np.where(counts, log_pi, 0.0), drawn.log_prob[:, :longest], atol=1e-4)


def test_steps_of_an_exported_policy_begin_with_begin():
    domain, policy = policy_of("music", "g")
    drawn = Sampler(policy, domain.vocabulary, domain.length).draw(
        np.random.default_rng(0).random((9, domain.length), np.float32), np.zeros((9, 0), np.int32)
    )
    module, token = Exported(policy, domain.vocabulary), np.full(9, domain.vocabulary.begin, np.int32)
    state = tf.zeros([9, module.state_size])
    for t in range(domain.length):
        after = module.step(tf.constant(token), state)
        token, state = drawn.tokens[:, t], after["state"]
        np.testing.assert_allclose(after["log_probs"].numpy()[np.arange(9), token], drawn.log_prob[:, t], atol=1e-4)


def test_what_a_token_earns_at_once_is_in_the_policy_before_anything_is_learned():
    """Untrained, log pi(a | s) - log p(a | s) is r(s, a) / c but for its norm."""
    domain, policy = policy_of("chain", "g")
    tuned = SequenceModel(ModelConfig(units=12), domain.vocabulary.size, features=policy.lookahead.width)
    tuned.zero_heads()
    words = domain.every()[::97]
    none = np.zeros((len(words), 0), np.int32)
    logits, prior = Policy(policy.prior, tuned, policy.variant, lookahead=policy.lookahead).unroll(words, none)
    reward = domain.reward(parse("random", domain.reward_names))(words, np.full(len(words), domain.length)).total
    added = tf.gather(logits - prior, words, batch_dims=2)
    np.testing.assert_allclose(added, reward / C, atol=1e-5)


def test_a_prior_is_told_nothing_whatever_its_config_says_of_tuning(tmp_path):
    """Its run is drawn from at another length, as tuned ones are."""
    untrained(tmp_path / "prior", "music")
    prior = load_run(tmp_path / "prior")
    told = replace(prior, config=changed(prior.config, {"tune.lookahead": True, "tune.reward": "music-theory"}, "test"))
    longer = told.of_length(48)
    assert longer.policy.lookahead is None and longer.domain.length == 48
    assert longer.sampler().draw(np.full((2, 48), 0.5, np.float32), np.zeros((2, 0), np.int32)).tokens.shape == (2, 48)


def test_a_prior_that_is_told_is_drawn_from_alone_as_under_a_tuned_network():
    domain, policy = policy_of("molecules", "g", told=True)
    uniforms = np.random.default_rng(0).random((30, domain.length), np.float32)
    none = np.zeros((30, 0), np.int32)
    alone = Sampler(policy.of_prior, domain.vocabulary, domain.length).draw(uniforms, none)
    counts = np.arange(domain.length) < alone.lengths[:, None]
    for judge in (policy, policy.of_prior):
        np.testing.assert_allclose(
            np.where(counts, judge.log_probs(alone.tokens, none)[1], 0), alone.log_prob, atol=1e-4
        )
    with pytest.raises(ValueError, match="reads features, and there are none"):
        policy.prior.unroll(shift_right(alone.tokens, domain.vocabulary.begin))


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_tuning_begins_as_a_prior_that_is_told(name):
    """Of more units, too. Every variant that starts from the prior has its policy before the first update."""
    domain, policy = policy_of("molecules", "g", told=True)
    drawn = Sampler(policy.of_prior, domain.vocabulary, domain.length).draw(
        np.random.default_rng(0).random((20, domain.length), np.float32), np.zeros((20, 0), np.int32)
    )
    variant, settings = VARIANTS[name], TuneConfig(units=20)
    learner = Learner(variant, policy.prior, settings, 0, domain.vocabulary.begin, lookahead=policy.lookahead)
    begun = Policy(policy.prior, learner.online, variant, lookahead=policy.lookahead)
    log_pi, log_p = begun.log_probs(drawn.tokens, np.zeros((20, 0), np.int32))
    counts = np.arange(domain.length) < drawn.lengths[:, None]
    np.testing.assert_allclose(np.where(counts, log_p, 0.0), drawn.log_prior, atol=1e-4)
    assert np.allclose(np.where(counts, log_pi, 0.0), drawn.log_prior, atol=1e-4) == variant.from_prior
