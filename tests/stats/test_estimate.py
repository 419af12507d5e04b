"""Intervals and tests against direct formulas, resampling, and what they promise in simulations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.stats.estimate import Z95, Estimate, RatioSums, p_value, share, share_distinct, wilson

MANY = 4000  # simulations: a coverage of 0.95 is then measured to 0.0035


def estimate(a, b=None, **kind):
    sums = RatioSums(**kind)
    sums.add(np.asarray(a), b)
    return sums.estimate()


def ratio_data(rng, n):
    """Numerators and denominators of n sequences that hang together, as lengths and counts do."""
    b = rng.integers(1, 40, n)
    return rng.binomial(b, rng.beta(2, 5, n)), b


def test_a_mean_has_the_textbook_error():
    values = np.random.default_rng(0).normal(3.0, 2.0, 50)
    found = estimate(values)
    error = values.std(ddof=1) / math.sqrt(50)
    assert (found.value, found.error, found.n) == (pytest.approx(values.mean()), pytest.approx(error), 50)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), rel=1e-4
    )


def test_a_ratio_has_the_error_of_the_delta_method():
    a, b = ratio_data(np.random.default_rng(1), 300)
    ratio = a.sum() / b.sum()
    error = math.sqrt(sum((a - ratio * b) ** 2) * 300 / 299) / b.sum()
    found = estimate(a, b)
    assert (found.value, found.error) == (pytest.approx(ratio), pytest.approx(error))
    assert (found.low, found.high) == pytest.approx((ratio - Z95 * error, ratio + Z95 * error))


def test_the_error_of_a_ratio_agrees_with_the_bootstrap():
    rng = np.random.default_rng(2)
    a, b = ratio_data(rng, 400)
    rows = rng.integers(0, 400, (4000, 400))
    resampled = a[rows].sum(axis=1) / b[rows].sum(axis=1)
    assert estimate(a, b).error == pytest.approx(resampled.std(), rel=0.04)


@given(
    values=st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.1, 1e3)), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_batches_make_no_difference(values, cuts):
    a, b = np.array(values).T
    sums = RatioSums()
    for part in np.split(np.arange(len(a)), sorted(cuts)):
        sums.add(a[part], b[part])
    found, whole = sums.estimate(), estimate(a, b)
    assert found.n == whole.n == len(values)
    assert found.value == pytest.approx(whole.value, rel=1e-9, abs=1e-9)
    if len(values) > 1:  # the sums cancel where the ratio is about the same for all
        assert found.error == pytest.approx(whole.error, rel=1e-6, abs=1e-5 * np.abs(a).max())


def inside(found, truth):
    return found.low <= truth <= found.high


@pytest.mark.parametrize(("p", "n"), [(0.5, 40), (0.2, 100), (0.03, 200), (0.97, 200)])
def test_coverage_of_shares(p, n):
    rng = np.random.default_rng([3, n])
    hits = [inside(share(int(x), n), p) for x in rng.binomial(n, p, MANY)]
    assert 0.93 < np.mean(hits) < 0.97


@pytest.mark.parametrize("n", [50, 500])
def test_coverage_of_means(n):
    rng = np.random.default_rng([4, n])
    assert 0.93 < np.mean([inside(estimate(row), 2.0) for row in rng.gamma(4.0, 0.5, (MANY, n))]) < 0.97


def test_coverage_of_ratios():
    rng = np.random.default_rng(5)
    assert 0.93 < np.mean([inside(estimate(*ratio_data(rng, 200)), 2 / 7) for _ in range(MANY)]) < 0.97


def test_coverage_of_shares_among_some():
    """A share of the valid: only those count."""
    rng, hits = np.random.default_rng(6), []
    for _ in range(MANY):
        valid = rng.random(150) < 0.6
        found = estimate(valid & (rng.random(150) < 0.3), valid, share=True)
        assert found.n == valid.sum()
        hits.append(inside(found, 0.3))
    assert 0.93 < np.mean(hits) < 0.97


def test_wilson():
    """(x, n) = (10, 100) by hand; at 0 and n the interval ends there and has the width z^2 / (n + z^2)."""
    assert wilson(10, 100) == pytest.approx((0.05522914, 0.17436566), abs=1e-8)
    for n in (1, 20, 10**6):
        assert wilson(0, n) == (0.0, pytest.approx(Z95**2 / (n + Z95**2)))
        assert wilson(n, n) == (pytest.approx(n / (n + Z95**2)), 1.0)
    assert all(map(math.isnan, wilson(0, 0)))


@given(n=st.integers(1, 10**7), data=st.data())
def test_a_share_lies_in_its_interval_and_always_has_an_error(n, data):
    x = data.draw(st.integers(0, n))
    found = share(x, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.error > 0
    mirrored = share(n - x, n)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-12)
    assert mirrored.error == pytest.approx(found.error)


def test_all_against_none_is_significant_and_all_against_all_is_not():
    everyone, none = estimate(np.ones(50), share=True), estimate(np.zeros(50), share=True)
    assert everyone.error > 0 and none.error > 0
    assert p_value(everyone, none) < 1e-6
    assert p_value(everyone, estimate(np.ones(80), share=True)) > 0.5


@pytest.mark.parametrize("counts", [[1, 1, 2, 5, 1, 3], [2, 2], [1] * 9, [7], [1, 2]])
def test_distinct_by_leaving_one_out(counts):
    things = np.repeat(np.arange(len(counts)), counts)
    n = things.size
    without = np.array([len(set(np.delete(things, i))) for i in range(n)]) / n
    found = share_distinct(np.array(counts))
    assert found.value == len(counts) / n and found.n == n
    jackknife = np.std(without) * math.sqrt(n)
    assert found.error == (pytest.approx(jackknife) if jackknife > 1e-12 else share(len(counts), n).error)
    assert 0 <= found.low < found.high <= 1 and found.low <= found.value <= found.high


def test_nothing_and_one():
    for nothing in (RatioSums().estimate(), estimate([]), estimate([], share=True), estimate([0.0], np.zeros(1))):
        assert math.isnan(nothing.value)
        assert (nothing.low, nothing.high, nothing.n, nothing.error) == (None, None, 0, None)
    assert math.isnan(share_distinct(np.zeros(0, int)).value)
    assert estimate([4.0]) == Estimate(4.0, None, None, 1)  # one value says nothing of the spread
    assert estimate([1.0], share=True).high == 1.0


@pytest.mark.parametrize("kind", [np.float32, np.int32, bool])
def test_estimates_are_python_numbers(kind):
    """JSON can write them, whatever came in."""
    ones = np.array([0, 1, 1, 0, 1], kind)
    for found in (
        estimate(ones),
        estimate(ones, np.ones(5, kind)),
        estimate(ones, share=True),
        share_distinct(ones + 1),
    ):
        assert [type(x) for x in (found.value, found.low, found.high, found.error)] == [float] * 4
        assert type(found.n) is int


def test_p_values_are_uniform_where_both_are_alike():
    """Kolmogorov-Smirnov at 4,000: beyond 0.026 lies one in a hundred."""
    rng = np.random.default_rng(7)
    p = np.sort([p_value(estimate(rng.gamma(2, 1, 100)), estimate(rng.gamma(2, 1, 200))) for _ in range(MANY)])
    assert np.abs(p - (np.arange(MANY) + 0.5) / MANY).max() < 0.026


def test_p_values_of_shares_are_honest():
    rng = np.random.default_rng(8)
    first, other = rng.binomial(200, 0.1, MANY), rng.binomial(300, 0.1, MANY)
    p = np.array([p_value(share(int(x), 200), share(int(y), 300)) for x, y in zip(first, other, strict=True)])
    assert 0.03 < np.mean(p < 0.05) < 0.06


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0, 9), st.floats(0, 9))
def test_p_value_is_symmetric_and_a_probability(a, b, error_a, error_b):
    one, other = Estimate(a, None, None, 5, error_a), Estimate(b, None, None, 5, error_b)
    assert 0 <= p_value(one, other) <= 1
    assert p_value(one, other) == p_value(other, one)
    assert p_value(one, one) == 1


def test_p_value_by_hand_and_where_there_is_none():
    one, other = Estimate(1.0, None, None, 9, 0.3), Estimate(0.02, None, None, 9, 0.4)
    assert p_value(one, other) == pytest.approx(0.05, abs=1e-4)  # 1.96 standard errors apart
    assert p_value(one, Estimate(2.0, None, None, 9)) is None
    assert p_value(Estimate(2.0, None, None, 9), one) is None
    certain = Estimate(1.0, 1.0, 1.0, 9, 0.0)
    assert (p_value(certain, certain), p_value(certain, Estimate(2.0, 2.0, 2.0, 9, 0.0))) == (1.0, 0.0)
