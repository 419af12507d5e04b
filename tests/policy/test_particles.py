"""Populations of particles against sums over every sequence there is."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.config import ModelConfig
from seqtutor.domains.chain import Chain
from seqtutor.domains.reward_spec import make_reward
from seqtutor.domains.rewards import PrefixReward, Rewards
from seqtutor.errors import UserError
from seqtutor.kl_control import smc
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.particles import ParticleSampler, Populations, Uniforms
from seqtutor.policy.policy import Policy
from seqtutor.policy.primers import NONE
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.runs.run import load_run
from tests.support.terms import terms
from tests.support.toy import LetterReward, Toy

CHAIN = Chain({"letters": 3, "length": 5})
C = 2.0
SIGMAS = 4.5


def network(domain, logits, value=0.0, noise=0.0):
    """Random weights with heads of a size, and noise on all others."""
    model, rng = SequenceModel(ModelConfig(units=8), domain.vocabulary.size, seed=1), np.random.default_rng(0)
    for name, weight in model.weights.items():
        weight.assign_add(noise * rng.normal(size=weight.shape))
        if name.endswith("/kernel"):
            weight.assign({"logits": logits, "value": 1.0, "layer0": 2.0}[name.partition("/")[0]] * weight)
    model.weights["value/kernel"].assign(value * rng.normal(size=(8, 1)))
    return model


def prior_of(domain):
    return Policy(network(domain, logits=2.0))


def tuned(domain, variant="pcl"):
    """A policy that is neither the prior nor the optimum, with a value that is no good estimate."""
    online = network(domain, logits=0.5 if variant == "g" else 2.0, value=3.0 if domain is CHAIN else 8.0, noise=0.15)
    return Policy(prior_of(domain).prior, online, VARIANTS[variant], value_scale=1.5)


def sampler_of(policy, domain, reward=None, c=C):
    reward = reward or domain.reward(terms({domain.default_reward: 1.0}))
    return ParticleSampler(policy, domain, reward, c)


def draw(sampler, populations, particles, length, primers=None, given=None, seed=0) -> Populations:
    primers = np.zeros((populations, 0), np.int32) if primers is None else primers
    uniforms = Uniforms.draw(np.random.default_rng(seed), populations, particles, length)
    return sampler.draw(uniforms, primers, given)


def every(domain):
    """Tokens [S, T] and lengths [S] of every sequence of the domain."""
    end, length = domain.vocabulary.end, domain.length
    if end is None:
        tokens = domain.every()
        return tokens, np.full(len(tokens), length, np.int32)
    letters = [a for a in range(domain.vocabulary.size) if a != end]
    rows = [[*word, end] for n in range(length) for word in itertools.product(letters, repeat=n)]
    rows += [list(word) for word in itertools.product(letters, repeat=length)]
    padded = np.array([row + [domain.vocabulary.pad] * (length - len(row)) for row in rows], np.int32)
    return padded, np.array(list(map(len, rows)), np.int32)


def optimum_of(policy, domain, reward=None, primer=()):
    """log Z, and log pi* of every sequence, by enumeration."""
    reward, (tokens, lengths) = reward or domain.reward(terms({domain.default_reward: 1.0})), every(domain)
    primers = np.tile(np.array(primer, np.int32), (len(tokens), 1))
    counts = np.arange(domain.length) < lengths[:, None]
    log_p = np.where(counts, policy.log_probs(tf.constant(tokens), tf.constant(primers))[1], 0).sum(axis=1, dtype=float)
    tilted = log_p + reward(tokens, lengths).total.sum(axis=1, dtype=float) / C
    log_z = np.logaddexp.reduce(tilted)
    return log_z, tilted - log_z


def mean_and_error(values):
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def assert_unbiased(log_z_hat, log_z):
    """E[Z-hat] = Z, within sampling error, and with a sample large enough to tell."""
    mean, error = mean_and_error(np.exp(log_z_hat - log_z))
    assert error < 0.1
    assert abs(mean - 1) < SIGMAS * error


@pytest.fixture(scope="module")
def chain():
    policy = tuned(CHAIN)
    return sampler_of(policy, CHAIN), *optimum_of(policy, CHAIN)


def test_z_is_estimated_without_bias_and_its_logarithm_from_below_ever_nearer(chain):
    sampler, log_z, _ = chain
    bounds = []
    for particles in (1, 4, 16, 64):
        found = draw(sampler, 40_000 // particles, particles, CHAIN.length).log_z
        if particles > 1:  # with one the spread of the weights is too wide for a mean
            assert_unbiased(found, log_z)
        mean, error = mean_and_error(found)
        assert mean < log_z + SIGMAS * error
        bounds.append(mean)
    assert (np.diff(bounds) > 0.02).all()
    assert bounds[-1] == pytest.approx(log_z, abs=0.05)


def test_one_sequence_has_the_log_weight_as_its_log_z(chain):
    sampler, _, _ = chain
    found = draw(sampler, 50, 1, CHAIN.length)
    log_weight = found.log_prior.sum(2) - found.log_prob.sum(2) + found.reward.sum(2) / C
    np.testing.assert_allclose(found.log_z, log_weight[:, 0], atol=1e-4)
    assert not found.log_weights.any() and not found.picked.any()


@pytest.mark.parametrize(("value", "helps"), [(0.0, True), (40.0, False)])
def test_a_value_that_misleads_is_left_out(value, helps):
    """V = 0 leaves the rewards so far, which help; a V of noise costs nats that comparing whole words does not."""
    online = network(CHAIN, logits=2.0, value=value, noise=0.15)
    sampler = sampler_of(Policy(prior_of(CHAIN).prior, online, VARIANTS["pcl"]), CHAIN, c=0.4)
    by_value = draw(sampler, 400, 16, CHAIN.length, seed=5).log_z.mean()
    sampler.choose(Uniforms.draw(np.random.default_rng(1), 32, 16, CHAIN.length), np.zeros((32, 0), np.int32))
    assert sampler.twisted == helps
    sampler.twisted = False
    assert (by_value > draw(sampler, 400, 16, CHAIN.length, seed=5).log_z.mean() + 0.02) == helps


def words_of(domain, tokens):
    """The number of each sequence in `every`."""
    number = {tuple(row): place for place, row in enumerate(every(domain)[0].tolist())}
    return np.array([number[tuple(row)] for row in tokens.tolist()])


def test_what_is_picked_has_the_distribution_of_the_optimum(chain):
    sampler, log_z, best = chain
    found = draw(sampler, 20_000, 4, CHAIN.length)
    picked = words_of(CHAIN, found.of_picked(found.tokens))
    shares = np.exp(found.log_z - log_z)[:, None] * (picked[:, None] == np.arange(len(best)))
    mean, error = mean_and_error(shares)  # weighted by Z-hat there is no bias, whatever K
    common = np.exp(best) > 1e-3
    assert common.sum() > 20
    assert (np.abs(mean - np.exp(best)) < SIGMAS * error)[common].all()
    many = draw(sampler, 2000, 64, CHAIN.length)
    shares = np.bincount(words_of(CHAIN, many.of_picked(many.tokens)), minlength=len(best)) / 2000
    expected = 2000 * np.exp(best[common])
    chi_square = ((2000 * shares[common] - expected) ** 2 / expected).sum()
    assert abs(chi_square - common.sum()) < 4 * np.sqrt(2 * common.sum())


def exact_draws(domain, best, count):
    tokens, _ = every(domain)
    return tokens[np.random.default_rng(5).choice(len(best), count, p=np.exp(best) / np.exp(best).sum())]


def test_with_an_exact_draw_kept_log_z_is_bounded_from_above(chain):
    sampler, log_z, best = chain
    for particles in (2, 8, 64):
        given = exact_draws(CHAIN, best, 40_000 // particles)
        found = draw(sampler, len(given), particles, CHAIN.length, given=given)
        np.testing.assert_array_equal(found.tokens[:, 0], given)
        mean, error = mean_and_error(found.log_z)
        assert mean > log_z - SIGMAS * error
        # the population has the density of a free one times Z-hat / Z
        assert_unbiased(-found.log_z, -log_z)
    assert mean == pytest.approx(log_z, abs=0.1)


def test_every_particle_has_its_whole_past(chain):
    sampler, _, _ = chain
    policy, found = tuned(CHAIN), draw(sampler, 300, 8, CHAIN.length)
    tokens = found.tokens.reshape(-1, CHAIN.length)
    assert len(np.unique(tokens[:, :2], axis=0)) > 5
    log_pi, log_p = policy.log_probs(tf.constant(tokens), tf.zeros([len(tokens), 0], tf.int32))
    np.testing.assert_allclose(found.log_prob.reshape(tokens.shape), log_pi, atol=1e-5)
    np.testing.assert_allclose(found.log_prior.reshape(tokens.shape), log_p, atol=1e-5)
    expected = CHAIN.reward(terms({"random": 1.0}))(tokens, found.lengths.ravel()).total
    np.testing.assert_array_equal(found.reward.reshape(tokens.shape), expected)
    np.testing.assert_allclose(np.exp(found.log_weights).sum(axis=1), 1)


def test_the_same_uniforms_give_the_same_bits_and_a_population_depends_on_no_other(chain):
    sampler, _, _ = chain
    first, again, other = (draw(sampler, 20, 8, CHAIN.length, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.tokens != other.tokens).any()
    uniforms = Uniforms.draw(np.random.default_rng(0), 20, 8, CHAIN.length)
    part = sampler.draw(Uniforms(*(array[7:9] for array in uniforms)), np.zeros((2, 0), np.int32))
    np.testing.assert_array_equal(first.tokens[7:9], part.tokens)
    np.testing.assert_allclose(first.log_z[7:9], part.log_z, atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_estimates_z_without_bias(name):
    policy = tuned(CHAIN, name)
    log_z, _ = optimum_of(policy, CHAIN)
    assert_unbiased(draw(sampler_of(policy, CHAIN), 8000, 8, CHAIN.length).log_z, log_z)


def test_a_prior_has_no_twist_and_estimates_z_without_bias():
    policy = prior_of(CHAIN)
    log_z, _ = optimum_of(policy, CHAIN)
    found = draw(sampler_of(policy, CHAIN), 4000, 8, CHAIN.length)
    assert_unbiased(found.log_z, log_z)
    np.testing.assert_array_equal(found.log_prob, found.log_prior)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_twist_is_the_soft_value_of_the_variant(name):
    variant, rng = VARIANTS[name], np.random.default_rng(0)
    logits, prior_logits, value = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    found = variant.state_value(tf.constant(logits), tf.constant(value), tf.constant(prior_logits)).numpy()
    if name in ("tb", "dap"):  # they learn no V of every state
        assert not found.any()
    elif variant.target:
        q = variant.action_values(tf.constant(logits), tf.constant(value)).numpy()
        log_p = tf.nn.log_softmax(prior_logits).numpy() if name == "g" else 0.0
        np.testing.assert_allclose(found, np.logaddexp.reduce(log_p + q, axis=1))
    else:
        np.testing.assert_allclose(found, value)


@pytest.mark.parametrize("name", ["tb", "dap"])
def test_without_a_value_of_every_state_only_whole_sequences_are_compared(name, monkeypatch):
    monkeypatch.setattr(smc, "systematic_ancestors", None)
    policy = tuned(CHAIN, name)
    found = draw(sampler_of(policy, CHAIN), 500, 8, CHAIN.length)
    gain = (found.log_prior - found.log_prob + found.reward / C).sum(axis=2, dtype=float)
    np.testing.assert_allclose(found.log_z, smc.log_mean(gain), atol=1e-4)
    np.testing.assert_allclose(found.log_weights, smc.normalised(gain), atol=1e-4)


# --- sequences of different lengths, primers ---


class GrowingReward(LetterReward):
    """The letters' points as they come."""

    def prefix(self, n, length):
        reward = self

        class Prefix(PrefixReward):
            def step(self, tokens):
                return reward(tokens[:, None], np.ones(len(tokens), np.int32)).total[:, 0]

            def select(self, index):
                """Nothing is remembered."""

        return Prefix()


class LastReward(LetterReward):
    """Points for the last letter before the end, on the end token."""

    on_last_token = True

    def __call__(self, tokens, lengths):
        total = np.zeros(tokens.shape, np.float32)
        rows, last = np.arange(len(tokens)), np.maximum(lengths - 2, 0)
        ends = (tokens[rows, lengths - 1] == 0) & (lengths > 1)
        total[rows, lengths - 1] = np.where(ends, super().__call__(tokens, lengths).total[rows, last], -1.0)
        return Rewards(total, {"a": total})


class Stem(Toy):
    keeps_primer = True


TOY, STEM = (cls({"length": 4}).with_vocabulary("ab") for cls in (Toy, Stem))
REWARDS = {"at the end": LetterReward, "as it grows": GrowingReward, "on the last token": LastReward}
AB = terms({"a": 2.0, "b": -1.0})


def solved(domain, reward):
    """The optimum with its V(s) = log sum_a p(a | s) exp(r / c + V(s')), solved backwards in tables; and log Z."""
    letters, length, end = domain.vocabulary.size, domain.length, domain.vocabulary.end
    tokens = np.array(list(itertools.product(range(letters), repeat=length)), np.int32)
    first = np.cumsum([0] + [letters**t for t in range(length)])  # of the prefixes of t tokens
    states = np.stack([first[t] + tokens[:, :t] @ letters ** np.arange(t)[::-1] for t in range(length)], 1).astype(int)
    log_p = np.log(np.random.default_rng(3).dirichlet(np.ones(letters), first[-1]))
    r, value, q = np.zeros_like(log_p), np.zeros(first[-1] + letters**length), np.zeros_like(log_p)
    for count in range(1, length + 1):  # the reward of a token that ends a sequence, or stands in a longer one
        total = reward(tokens, np.full(len(tokens), count, np.int32)).total / C
        last = (tokens[:, count - 1] == end) | (count == length)
        r[states[last, count - 1], tokens[last, count - 1]] = total[last, count - 1]
        if not reward.on_last_token:
            r[states[:, count - 1], tokens[:, count - 1]] = total[:, count - 1]
    for t in reversed(range(length)):
        of = np.arange(first[t], first[t] + letters**t)
        after = value[first[t + 1] + letters * (of - first[t])[:, None] + np.arange(letters)]
        q[of] = log_p[of] + r[of] + np.where(np.arange(letters) == end, 0.0, after)
        value[of] = np.logaddexp.reduce(q[of], axis=1)

    def step(token, state):
        depth, number = state
        start = token == letters
        depth, number = tf.where(start, 0, depth + 1), tf.where(start, 0, number * letters + token)
        row = tf.minimum(tf.gather(tf.constant(first, tf.int32), depth) + number, len(q) - 1)
        tables = (tf.gather(tf.constant(table, tf.float32), row) for table in (q, log_p, value[: len(q)]))
        return *tables, (depth, number)

    def start(n):
        return tf.zeros([n], tf.int32), tf.zeros([n], tf.int32)

    return SimpleNamespace(valued_step=step, initial_state=start, twisted=True), value[0]


@pytest.mark.parametrize("kind", ["one length", *REWARDS])
def test_the_optimal_policy_with_its_value_has_equal_weights_and_the_exact_z(kind):
    domain, reward = (
        (CHAIN, CHAIN.reward(terms({"random": 1.0})))
        if kind == "one length"
        else (TOY, REWARDS[kind](TOY, terms({"a": 9.0, "b": -6.0})))
    )
    policy, log_z = solved(domain, reward)
    for particles in (1, 7):
        found = draw(sampler_of(policy, domain, reward), 200, particles, domain.length)
        np.testing.assert_allclose(found.log_weights, -np.log(particles), atol=1e-5)
        np.testing.assert_allclose(found.log_z, log_z, atol=1e-5)


@pytest.mark.parametrize("kind", REWARDS)
@pytest.mark.parametrize("variant", ["", "psi"])
def test_sequences_that_end_early_stay_in_their_population(kind, variant):
    policy = tuned(TOY, variant) if variant else prior_of(TOY)
    reward = REWARDS[kind](TOY, AB)
    log_z, best = optimum_of(policy, TOY, reward)
    found = draw(sampler_of(policy, TOY, reward), 6000, 8, TOY.length)
    assert_unbiased(found.log_z, log_z)
    picked = words_of(TOY, found.of_picked(found.tokens))
    mean, error = mean_and_error(np.exp(found.log_z - log_z)[:, None] * (picked[:, None] == np.arange(len(best))))
    common = np.exp(best) > 1e-3
    assert (np.abs(mean - np.exp(best)) < SIGMAS * error)[common].all()
    assert set(found.lengths.ravel()) == {1, 2, 3, 4}
    past = np.arange(TOY.length) >= found.lengths[..., None]
    assert (found.tokens[past] == TOY.vocabulary.pad).all()
    assert not found.log_prob[past].any() and not found.log_prior[past].any() and not found.reward[past].any()
    given = exact_draws(TOY, best, 6000)
    kept = draw(sampler_of(policy, TOY, reward), 6000, 4, TOY.length, given=given)
    np.testing.assert_array_equal(kept.tokens[:, 0], given)
    assert_unbiased(-kept.log_z, -log_z)


def test_primers_before_the_sequences_one_a_population():
    policy, rng = tuned(TOY), np.random.default_rng(0)
    choices = np.array([[1, 2], [2, 1], [2, NONE]], np.int32)
    which = rng.integers(0, 3, 12_000)
    found = draw(sampler_of(policy, TOY), 12_000, 8, TOY.length, primers=choices[which])
    log_zs = [optimum_of(policy, TOY, primer=primer[primer != NONE])[0] for primer in choices]
    assert np.ptp(log_zs) > 0.05
    for place, log_z in enumerate(log_zs):
        assert_unbiased(found.log_z[which == place], log_z)


@pytest.mark.parametrize("kind", REWARDS)
def test_a_primer_that_is_kept_is_part_of_the_sequence_and_of_its_reward(kind):
    policy, reward = tuned(STEM), REWARDS[kind](STEM, terms({"a": 1.0}))
    primer = STEM.vocabulary.ids("ab")
    found = draw(sampler_of(policy, STEM, reward), 6000, 8, STEM.length, primers=np.tile(primer, (6000, 1)))
    tokens, lengths = every(STEM)
    log_p = policy.log_probs(tf.constant(tokens), tf.zeros([len(tokens), 0], tf.int32))[1].numpy()
    drawn = (np.arange(STEM.length) >= 2) & (np.arange(STEM.length) < lengths[:, None])
    begins = (tokens[:, :2] == primer).all(axis=1)
    tilted = (log_p * drawn).sum(axis=1) + reward(tokens, lengths).total.sum(axis=1) / C
    assert_unbiased(found.log_z, np.logaddexp.reduce(tilted[begins].astype(float)))
    assert (found.tokens[..., :2] == primer).all() and (found.lengths > 2).all()
    assert not found.log_prob[..., :2].any()
    assert (found.reward[..., 0] == (not reward.on_last_token)).all()


def test_a_causal_function_is_called_on_prefixes_and_another_one_on_whole_sequences(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "seen = []\n"
        "def points(tokens, texts):\n"
        "    seen.append(tokens.shape[1])\n"
        "    a = np.cumsum(tokens == 1, axis=1)\n"
        "    return (a % 2).astype(float)\n"
        "def growing(tokens, texts):\n"
        "    return points(tokens, texts)\n"
        "growing.causal = True\n"
        "def wrong(tokens, texts):\n"
        "    return np.zeros(len(tokens))\n"
        "wrong.causal = True\n"
        "def seer(tokens, texts):\n"
        "    return np.repeat((tokens == 1).sum(axis=1, keepdims=True), tokens.shape[1], axis=1)\n"
        "seer.causal = True\n"
    )
    policy = tuned(TOY)
    for name, widths in (("points", [4]), ("growing", [1, 2, 3, 4])):
        reward = make_reward(TOY, f"{file}:{name}")
        seen = reward._function.__globals__["seen"]
        seen.clear()
        found = draw(sampler_of(policy, TOY, reward), 4000, 8, TOY.length)
        assert seen == widths
        assert_unbiased(found.log_z, optimum_of(policy, TOY, reward)[0])
    with pytest.raises(UserError, match=r"wrong says that it is causal, so it must return shape \(8, 4\)"):
        make_reward(TOY, f"{file}:wrong")
    with pytest.raises(UserError, match=r"seer says that it is causal, but it gives token 1 of a sequence"):
        make_reward(TOY, f"{file}:seer")


def test_both_graphs_are_compiled_once_whatever_the_sizes():
    sampler = sampler_of(tuned(TOY), TOY)
    for populations, particles, before in ((5, 3, 0), (2, 8, 2), (1, 1, 1)):
        draw(sampler, populations, particles, TOY.length, primers=np.ones((populations, before), np.int32))
    assert sampler._start.experimental_get_tracing_count() == 1
    assert sampler._advance.experimental_get_tracing_count() == 1


def test_a_population_is_resampled_when_half_its_size_is_left(monkeypatch):
    sizes = []
    real = smc.systematic_ancestors
    monkeypatch.setattr(smc, "systematic_ancestors", lambda w, u: sizes.append(smc.effective_sizes(w)) or real(w, u))
    draw(sampler_of(tuned(CHAIN), CHAIN), 100, 8, CHAIN.length)
    assert 0 < len(sizes) < CHAIN.length  # never after the last token
    assert 2 < np.concatenate(sizes).max() < 4


def test_a_run_draws_populations(make_run):
    run = load_run(make_run("psi", "psi", value_scale=3.0))
    assert run.policy.value_scale == 3.0
    sampler = run.particle_sampler(run.domain.reward(terms({"a": 1.0})), c=0.5)
    found = draw(sampler, 3, 4, run.domain.length)
    assert found.tokens.shape == (3, 4, run.domain.length)
    assert np.isfinite(found.log_z).all()
