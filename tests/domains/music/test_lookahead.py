"""Looking one note ahead: what the rules give for every next token, and what they count."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music.meter import COMMON_TIME
from seqtutor.domains.music.reward import REWARD_NAMES, MusicTheory
from seqtutor.domains.music.scale import C_MAJOR
from seqtutor.domains.music.tokens import NUM_TOKENS
from seqtutor.domains.reward_terms import parse
from tests.support.any_melodies import METERS, SCALES, any_melodies


def reward_of(spec, scale=C_MAJOR, meter=COMMON_TIME):
    return MusicTheory(parse(spec, REWARD_NAMES), scale, meter)


def some(n, length):
    """Melodies [N, T] with leaps, rests, holds and repeated phrases."""
    rng = np.random.default_rng(length)
    steps = np.clip(20 + np.cumsum(rng.integers(-8, 9, (n, length)), axis=1), 2, NUM_TOKENS - 1)
    return np.where(rng.random((n, length)) < 0.4, rng.integers(0, 2, (n, length)), steps).astype(np.int32)


def by_trying(reward, tokens):
    """The reward of every token in every place, after the tokens before it: float32 [N, T, A]."""
    n, length = tokens.shape
    found = np.zeros((n, length, NUM_TOKENS), np.float32)
    for t in range(length):
        every = np.repeat(tokens, NUM_TOKENS, axis=0)
        every[:, t] = np.tile(np.arange(NUM_TOKENS), n)
        total = reward(every, np.full(len(every), length)).total
        found[:, t] = total[:, t].reshape(n, NUM_TOKENS)
    return found


@settings(max_examples=35, deadline=None)
@given(tokens=any_melodies(), scale=st.sampled_from(SCALES), meter=st.sampled_from(METERS))
def test_every_next_token_s_reward_is_what_the_rules_give_it(tokens, scale, meter):
    reward = reward_of("music-theory:0.5,leaps@clip/-1/2:3,motif:2,form(ABAC):2,form(AAB)", scale, meter)
    seen = reward.lookahead(tokens.shape[1], 2.0).unroll(tf.constant(tokens))
    np.testing.assert_allclose(2.0 * seen.rewards, by_trying(reward, tokens), atol=2e-4)


def test_what_it_cannot_know_is_left_out():
    tokens = some(30, 32)
    part, whole = reward_of("leaps"), reward_of("leaps,autocorrelation@clip/-1/0,form(AABA)@clip/0/1")
    both = (reward.lookahead(32, 1.0).unroll(tf.constant(tokens)) for reward in (whole, part))
    for seen, wanted in zip(*both, strict=True):
        np.testing.assert_array_equal(seen, wanted)


def test_features_are_of_the_size_of_1_whatever_the_melody():
    for length in (8, 32, 128):
        look = reward_of("music-theory").lookahead(length, 8.0)
        features = look.unroll(tf.constant(some(100, length))).features.numpy()
        assert features.shape == (100, length, look.width) and np.isfinite(features).all()
        assert np.abs(features).max() <= 5 and look.width == reward_of("leaps").lookahead(5, 1.0).width


def test_steps_agree_with_whole_melodies():
    tokens, look = some(20, 32), reward_of("music-theory").lookahead(32, 8.0)
    state = look.initial_state(20)
    whole = look.unroll(tf.constant(tokens))
    for t in range(32):
        for got, wanted in zip(look.look(state), whole, strict=True):
            np.testing.assert_allclose(got, wanted[:, t], atol=1e-6)
        state = look.advance(tf.constant(tokens[:, t]), state)
