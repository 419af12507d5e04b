"""The melody statistics: the published program's counts, exact answers on small sets, honest intervals."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music.statistics import MusicStatistics, composition_statistics, encode
from seqtutor.domains.music.tokens import NUM_TOKENS, SYMBOLS
from seqtutor.errors import UserError
from tests.support.places import DATA

GOLDEN = np.load(DATA / "magenta_rewards.npz", allow_pickle=False)
TOKENS = GOLDEN["tokens"].astype(np.int32)
TABLE = (
    "repeated_notes",
    "autocorrelation_1",
    "autocorrelation_2",
    "autocorrelation_3",
    "not_in_key",
    "starts_with_tonic",
    "leaps_resolved",
    "unique_highest",
    "unique_lowest",
    "in_motif",
    "in_repeated_motif",
)


def text_of(tokens):
    return " ".join(SYMBOLS[token] for token in tokens)


def result_of(tokens, lengths=None, reference=None, batch=100, seed=0):
    tokens = np.asarray(tokens, np.int32)
    lengths = np.full(len(tokens), tokens.shape[1]) if lengths is None else np.asarray(lengths)
    statistics = MusicStatistics(None if reference is None else encode(reference), seed)
    for start in range(0, len(tokens), batch):
        statistics.update(tokens[start : start + batch], lengths[start : start + batch].astype(np.int32))
    return statistics.result()


# --- counts of one composition -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in GOLDEN.files if name.startswith("stat_")])
def test_counts_match_the_published_program(name):
    ours = composition_statistics(TOKENS)[name.removeprefix("stat_")]
    np.testing.assert_allclose(ours, GOLDEN[name], rtol=0, atol=1e-12)


def test_the_two_counts_that_the_published_program_leaves_out():
    octave, octave_and_more = [14, 26], [14, 27]
    third_from_c, third_from_e, third_from_f, fifth_from_g = [14, 18], [18, 14], [19, 23], [21, 14]
    counts = composition_statistics(
        np.array([octave, octave_and_more, third_from_c, third_from_e, third_from_f, fifth_from_g])
    )
    assert counts["num_octaves"].tolist() == [1, 0, 0, 0, 0, 0]
    assert counts["num_octave_jumps"].tolist() == [0, 1, 0, 0, 0, 0]
    assert counts["num_in_key_preferred_thirds"].tolist() == [0, 0, 1, 1, 0, 0]
    assert counts["num_thirds"].tolist() == [0, 0, 0, 0, 1, 0]
    assert counts["num_in_key_preferred_intervals"].tolist() == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("length", [1, 2, 7, 8])
@pytest.mark.parametrize("token", [0, 1, 14])
def test_constant_compositions_of_any_length(length, token):
    counts = composition_statistics(np.full((3, length), token))
    assert all(values.shape == (3,) for values in counts.values())
    assert all(np.isnan(counts[f"autocorrelation{lag}"]).all() for lag in (1, 2, 3))
    assert counts["num_starting_tonic"].tolist() == [int(token == 14)] * 3
    assert counts["num_high_unique"].tolist() == [int(length == 1)] * 3
    assert counts["num_low_unique"].tolist() == [int(length == 1 and token == 14)] * 3


# --- the table -----------------------------------------------------------------------------------------------------


def test_table_rows_follow_from_the_published_counts():
    result = result_of(TOKENS)
    assert tuple(result) == (*TABLE, "unique", "diversity")
    golden = {name: GOLDEN[f"stat_{name}"] for name in composition_statistics(TOKENS[:1]) if f"stat_{name}" in GOLDEN}
    resolved, doubled = golden["num_resolved_leaps"].sum(), golden["num_leap_twice"].sum()
    expected = {
        "repeated_notes": golden["num_repeated_notes"].sum() / TOKENS.size,
        "autocorrelation_1": np.nanmean(golden["autocorrelation1"]),
        "autocorrelation_2": np.nanmean(golden["autocorrelation2"]),
        "autocorrelation_3": np.nanmean(golden["autocorrelation3"]),
        "not_in_key": golden["notes_not_in_key"].sum() / TOKENS.size,
        "starts_with_tonic": golden["num_starting_tonic"].mean(),
        "leaps_resolved": resolved / (resolved + doubled),
        "unique_highest": golden["num_high_unique"].mean(),
        "unique_lowest": golden["num_low_unique"].mean(),
        "in_motif": golden["notes_in_motif"].sum() / TOKENS.size,
        "in_repeated_motif": golden["notes_in_repeated_motif"].sum() / TOKENS.size,
    }
    for name in TABLE:
        assert result[name].value == pytest.approx(expected[name], abs=1e-12), name
        assert result[name].low <= result[name].value <= result[name].high


def test_the_way_a_set_is_cut_into_batches_does_not_matter():
    whole, cut = result_of(TOKENS, reference=[], batch=1000), result_of(TOKENS, reference=[], batch=7)
    for name, estimate in whole.items():
        for field in ("value", "low", "high", "n", "error"):
            assert getattr(cut[name], field) == pytest.approx(getattr(estimate, field), abs=1e-9), (name, field)


def test_nothing_behind_a_length_counts():
    rng = np.random.default_rng(1)
    lengths = rng.integers(0, 33, len(TOKENS))
    other = TOKENS.copy()
    behind = np.arange(32) >= lengths[:, None]
    other[behind] = rng.integers(0, NUM_TOKENS, behind.sum())
    reference = [text_of(row) for row in TOKENS[:20]]
    assert result_of(TOKENS, lengths, reference) == result_of(other, lengths, reference)


def test_no_compositions_have_no_statistics():
    for name, estimate in MusicStatistics(encode([]), 0).result().items():
        assert math.isnan(estimate.value) and estimate.low is None and estimate.n == 0, name


# --- unique --------------------------------------------------------------------------------------------------------


def test_unique_is_the_share_of_distinct_compositions():
    a, b, c = TOKENS[:3]
    estimate = result_of([a, b, a, c, a, a, b, a])["unique"]
    assert estimate.value == 3 / 8 and estimate.n == 8
    assert estimate.error == pytest.approx(math.sqrt(1 * (1 - 1 / 8)) / 8)


@pytest.mark.parametrize("seed", [0, 1, 123])
def test_unique_equals_a_set_of_tuples(seed):
    tokens = np.random.default_rng(seed).integers(0, 3, (500, 5))
    assert result_of(tokens, seed=seed)["unique"].value == len({tuple(row) for row in tokens.tolist()}) / 500


def test_unique_keeps_a_width_at_its_ends():
    distinct = result_of([[token, 1] for token in range(30)])["unique"]
    assert distinct.value == 1 == pytest.approx(distinct.high) and 0.85 < distinct.low < 0.95
    alike = result_of([[14, 1]] * 30)["unique"]
    assert alike.value == 1 / 30 and 0 < alike.low < alike.value < alike.high < 0.2


def test_compositions_of_other_lengths_are_other_compositions():
    assert result_of([[1, 1], [1, 1]], lengths=[1, 2])["unique"].value == 1


# --- novel ---------------------------------------------------------------------------------------------------------


def test_novel_looks_for_whole_contiguous_stretches():
    tune = [14, 1, 16, 1, 18, 1, 19, 21]
    tokens = [
        [14, 1, 16, 1],  # its beginning
        [18, 1, 19, 21],  # its end
        [1, 16, 1, 18],  # its middle
        [14, 16, 18, 19],  # not contiguous
        [19, 21, 26, 26],  # from one melody into the next
        [26, 26, 26, 26],  # longer than the second melody
    ]
    reference = [text_of(tune), text_of([26, 26, 26]), "", "C5"]
    novel = [result_of([row], reference=reference)["novel"].value for row in tokens]
    assert novel == [0, 0, 0, 1, 1, 1]
    together = result_of(tokens, reference=reference)["novel"]
    assert together.value == 0.5 and together.n == 6 and 0.15 < together.low < 0.25


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 5), texts=st.integers(0, 4))
def test_novel_equals_a_plain_search(seed, length, texts):
    rng = np.random.default_rng(seed)
    tunes = [rng.integers(0, 3, rng.integers(0, 30)).tolist() for _ in range(texts)]
    tokens = rng.integers(0, 3, (20, length))
    stretches = {tuple(tune[i : i + length]) for tune in tunes for i in range(len(tune) - length + 1)}
    expected = np.mean([tuple(row) not in stretches for row in tokens.tolist()])
    assert result_of(tokens, reference=map(text_of, tunes), seed=seed % 7)["novel"].value == pytest.approx(expected)


def test_novel_at_each_compositions_own_length():
    tokens = [[14, 16, 18], [14, 16, 0], [14, 18, 0], [14, 16, 19]]
    assert result_of(tokens, lengths=[3, 2, 2, 3], reference=["C4 D4 E4"])["novel"].value == 0.5


def test_an_unknown_token_in_the_reference_is_refused():
    with pytest.raises(UserError, match=r"'H4' in reference melody 2"):
        encode(["C4 hold", "C4 H4"])


# --- diversity -----------------------------------------------------------------------------------------------------


def share_different(x, y):
    return sum(a != b for a, b in zip(x, y, strict=True)) / len(x)


def test_diversity_is_the_mean_over_all_pairs():
    tokens = TOKENS[:40]
    expected = np.mean([share_different(x, y) for x, y in combinations(tokens.tolist(), 2)])
    assert result_of(tokens)["diversity"].value == pytest.approx(expected, abs=1e-12)


def test_diversity_error_is_the_jackknife_of_single_compositions_in_a_small_set():
    tokens = TOKENS[:12].tolist()
    without = [
        np.mean([share_different(x, y) for x, y in combinations(tokens[:i] + tokens[i + 1 :], 2)]) for i in range(12)
    ]
    estimate = result_of(tokens)["diversity"]
    assert estimate.error == pytest.approx(math.sqrt(11 * np.var(without)), rel=1e-9)
    assert estimate.high - estimate.value == pytest.approx(1.96 * estimate.error, rel=1e-3)


def test_diversity_counts_a_missing_token_as_different_and_two_missing_ones_not_at_all():
    tokens, lengths = [[14, 16, 18], [14, 16, 0], [14, 0, 0]], [3, 2, 1]  # pairs differ at 1/3, 2/3 and 1/2
    assert result_of(tokens, lengths, batch=1)["diversity"].value == pytest.approx((1 + 2 + 1) / (3 + 3 + 2))


@pytest.mark.parametrize(
    ("tokens", "value"), [([[14, 1]] * 100, 0.0), ([[2, 3], [4, 5]], 1.0), ([[2, 3], [2, 5]], 0.5)]
)
def test_diversity_at_its_ends(tokens, value):
    assert result_of(tokens)["diversity"].value == value


def test_diversity_of_one_composition_is_unknown():
    estimate = result_of(TOKENS[:1])["diversity"]
    assert math.isnan(estimate.value) and estimate.low is None


def test_intervals_of_diversity_and_unique_cover_the_spread_of_repeated_draws():
    """The reported standard error agrees with the standard deviation over 200 independent sets."""
    rng = np.random.default_rng(5)
    pool = rng.integers(0, 4, (300, 6))  # compositions drawn from a fixed pool: many occur twice
    chances = rng.dirichlet(np.full(300, 0.5))
    results = [result_of(pool[rng.choice(300, 200, p=chances)], batch=200) for _ in range(200)]
    for name, slack in (("diversity", 0.25), ("unique", 0.5)):
        spread = np.std([result[name].value for result in results])
        error = np.mean([result[name].error for result in results])
        assert error == pytest.approx(spread, rel=slack), name
