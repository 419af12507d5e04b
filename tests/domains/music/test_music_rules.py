"""The melody rules against the published program's numbers, a literal reading of them, and their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music.reward import REWARD_NAMES, MusicTheory
from seqtutor.domains.music.rules import RULES
from seqtutor.domains.music.tokens import NUM_TOKENS
from seqtutor.errors import UserError
from tests.support.melodies import literal
from tests.support.places import DATA
from tests.support.terms import terms

GOLDEN = np.load(DATA / "magenta_rewards.npz", allow_pickle=False)
NAMES = (
    "key", "tonic", "repeated_notes", "autocorrelation", "motif", "repeated_motif", "intervals", "leaps",
    "unique_extremes",
)  # fmt: skip
every_rule = pytest.mark.parametrize("name", NAMES)


@st.composite
def compositions(draw, max_length=40):
    """Tokens [N, T], often of few different ones, so that repetitions, motifs and rests are common."""
    palette = draw(st.lists(st.integers(0, NUM_TOKENS - 1), min_size=1, max_size=6)) + draw(
        st.sampled_from([[], [0], [1], [0, 1], list(range(NUM_TOKENS))])
    )
    count, length = draw(st.integers(1, 4)), draw(st.integers(1, max_length))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).choice(np.array(palette, np.int32), (count, length))


def lengths_of(tokens):
    return np.full(len(tokens), tokens.shape[1], np.int32)


# --- the published program's numbers -------------------------------------------------------------------------------


@every_rule
def test_matches_the_published_program(name):
    ours, theirs = RULES[name](GOLDEN["tokens"]), GOLDEN[name]
    exact = ~GOLDEN["autocorrelation_at_limit"] if name == "autocorrelation" else np.ones(theirs.shape, bool)
    np.testing.assert_allclose(ours[exact], theirs[exact], rtol=0, atol=1e-5)


def test_at_the_limit_autocorrelation_differs_by_whole_lags_only():
    at_limit = GOLDEN["autocorrelation_at_limit"]
    lags = (RULES["autocorrelation"](GOLDEN["tokens"]) - GOLDEN["autocorrelation"])[at_limit] / 0.45
    np.testing.assert_allclose(lags, np.round(lags), atol=1e-5)
    assert np.all((lags > -0.5) & (lags < 3.5))  # ours never penalises at the limit


def test_total_matches_the_published_program():
    tokens = GOLDEN["tokens"].astype(np.int32)
    ours = MusicTheory(terms({"music-theory": 1}))(tokens, lengths_of(tokens)).total
    exact = ~GOLDEN["autocorrelation_at_limit"]
    np.testing.assert_allclose(ours[exact], GOLDEN["total"][exact], rtol=0, atol=1e-5)


# --- a literal reading of the rules, note by note ------------------------------------------------------------------


@settings(deadline=None)
@given(compositions())
def test_matches_a_literal_reading(tokens):
    for number, row in enumerate(tokens.tolist()):
        for name, rewards in literal(row).items():
            ours = RULES[name](tokens)[number]
            np.testing.assert_allclose(ours, rewards, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 16, 48, 64, 128])
def test_matches_a_literal_reading_at_any_length(length):
    tokens = np.resize(GOLDEN["tokens"][::-1], (3, length))  # compositions joined and cut
    for number, row in enumerate(tokens.tolist()):
        for name, rewards in literal(row).items():
            np.testing.assert_allclose(RULES[name](tokens)[number], rewards, rtol=0, atol=1e-5, err_msg=name)


# --- exact answers -------------------------------------------------------------------------------------------------


def test_key_knows_c_major():
    in_key = ["off", "hold"] + ["C", "D", "E", "F", "G", "A", "B"] * 3
    rewards = RULES["key"](np.arange(NUM_TOKENS)[None])[0]
    assert (rewards == 0).sum() == len(in_key)
    assert rewards[[0, 1, 2, 4, 6, 7, 9, 11, 13, 14, 37]].tolist() == [0] * 11
    assert rewards[[3, 5, 8, 10, 12, 15, 36]].tolist() == [-1] * 7


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([14], [3]),
        ([1], [3]),
        ([14, 0], [3, 3]),
        ([14, 14, 14, 14], [3, 0, 0, 0]),
        ([14, 1, 14, 1, 0, 1], [3, 0, 3, 3, 3, 3]),
        ([2, 14, 14, 0, 1, 26], [0, 0, 3, 0, 3, 0]),
    ],
)
def test_tonic_counts_from_both_ends(row, expected):
    assert RULES["tonic"](np.array([row]))[0].tolist() == expected


@every_rule
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 33])
@pytest.mark.parametrize("token", [0, 1, 14])
def test_constant_rows_of_any_length(name, length, token):
    rewards = RULES[name](np.full((2, length), token))
    assert rewards.shape == (2, length) and rewards.dtype == np.float32
    row, steps = rewards[0].tolist(), range(length)
    if name in ("key", "autocorrelation", "motif", "repeated_motif", "leaps"):
        assert row == [0] * length
    if name == "repeated_notes":
        assert row == [-100 if t > (1 if token == 0 else 4) else 0 for t in steps]
    if name == "intervals":
        assert row == [0] * length  # a unison is worth nothing
    if name == "unique_extremes":
        assert row == [0] * (length - 1) + [(3 if token < 2 else 6) if length == 1 else 0]


# --- properties ----------------------------------------------------------------------------------------------------


@every_rule
@given(tokens=compositions())
def test_a_batch_equals_its_rows(name, tokens):
    rows = [RULES[name](row[None])[0] for row in tokens]
    np.testing.assert_array_equal(RULES[name](tokens), rows)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tonic", "unique_extremes")])
@given(tokens=compositions(), data=st.data())
def test_later_tokens_change_nothing(name, tokens, data):
    cut = data.draw(st.integers(1, tokens.shape[1]))
    np.testing.assert_array_equal(RULES[name](tokens)[:, :cut], RULES[name](tokens[:, :cut]))


@given(tokens=compositions(), data=st.data())
def test_tonic_sees_only_its_own_token(tokens, data):
    t = data.draw(st.integers(0, tokens.shape[1] - 1))
    others = np.zeros_like(tokens)
    others[:, t] = tokens[:, t]
    np.testing.assert_array_equal(RULES["tonic"](tokens)[:, t], RULES["tonic"](others)[:, t])


@every_rule
def test_memory_order_and_integer_type_do_not_matter(name):
    tokens = GOLDEN["tokens"]
    expected = RULES[name](tokens)
    for other in (np.asfortranarray(tokens), tokens.astype(np.int8), tokens.astype(np.int32)):
        np.testing.assert_array_equal(RULES[name](other), expected)


# --- the weighted sum ----------------------------------------------------------------------------------------------


def test_weights_add_up_and_order_is_canonical():
    tokens = GOLDEN["tokens"][:50].astype(np.int32)
    reward = MusicTheory(terms({"leaps": 2, "music-theory": 0.5, "motif": -0.5}))
    assert reward.names == tuple(name for name in NAMES if name != "motif")
    total, components = reward(tokens, lengths_of(tokens))
    expected = sum((2.5 if name == "leaps" else 0.5) * RULES[name](tokens) for name in reward.names)
    np.testing.assert_allclose(total, expected, atol=1e-4)
    assert tuple(components) == reward.names
    for name, component in components.items():
        np.testing.assert_array_equal(component, RULES[name](tokens), err_msg=name)
        assert component.dtype == total.dtype == np.float32


def test_only_weighted_rules_are_reported():
    reward = MusicTheory(terms({"tonic": 1, "key": 2, "leaps": 0}))
    assert reward.names == ("key", "tonic")
    assert ("music-theory", *NAMES, "form(LETTERS)") == REWARD_NAMES


def test_transforms_act_on_every_token():
    tokens = GOLDEN["tokens"][:50].astype(np.int32)
    reward = MusicTheory(terms({"repeated_notes@clip/-1/0": 2, "key": 1, "leaps@step/5": -1, "music-theory": 0}))
    assert reward.names == ("key", "repeated_notes", "leaps")
    total, components = reward(tokens, lengths_of(tokens))
    raw = RULES["repeated_notes"](tokens)
    expected = -2 * (raw < 0) + RULES["key"](tokens) - (RULES["leaps"](tokens) == 5)
    np.testing.assert_array_equal(total, expected)
    np.testing.assert_array_equal(components["repeated_notes"], raw)
    with pytest.raises(UserError, match=r"'music-theory' is a sum: transform its rules"):
        MusicTheory(terms({"music-theory@clip/0/1": 1}))


def test_a_sum_of_nothing_is_zero():
    tokens = GOLDEN["tokens"][:5].astype(np.int32)
    assert not MusicTheory(terms({"key": 0}))(tokens, lengths_of(tokens)).total.any()


def test_a_row_is_scored_at_its_own_length():
    tokens = GOLDEN["tokens"][:60].astype(np.int32)
    lengths = np.arange(60, dtype=np.int32) % 33
    total = MusicTheory(terms({"music-theory": 1}))(tokens, lengths).total
    for row, length, rewards in zip(tokens, lengths, total, strict=True):
        alone = sum(rule(row[None, :length])[0] for rule in RULES.values()) if length else np.zeros(0)
        np.testing.assert_allclose(rewards[:length], alone, atol=1e-4)
        assert not rewards[length:].any()


def test_blocks_are_invisible(monkeypatch):
    tokens = GOLDEN["tokens"].astype(np.int32)
    reward = MusicTheory(terms({"music-theory": 1}))
    whole = reward(tokens, lengths_of(tokens)).total
    monkeypatch.setattr("seqtutor.domains.music.reward._BLOCK", 100)
    np.testing.assert_array_equal(reward(tokens, lengths_of(tokens)).total, whole)


def test_an_unknown_rule_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown reward 'leap'.*leaps"):
        MusicTheory(terms({"leap": 1}))
