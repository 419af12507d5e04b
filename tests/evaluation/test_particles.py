"""Particles in evaluate and sample, on the chain: honest bounds on log Z, gaps, sequences near the optimum."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from seqtutor.errors import UserError
from seqtutor.evaluation.draw import Draw, Target, draw
from seqtutor.evaluation.evaluate import Study, Subject, measure
from seqtutor.evaluation.exact_draws import conditional_log_z, exact_draws
from seqtutor.kl_control.optimum import LogZBound, optimum
from seqtutor.runs.run import load_run
from tests.support.places import DATA

C = 1.0


@pytest.fixture(scope="module")
def prior():
    return load_run(DATA / "runs-0.1.0" / "prior")


@pytest.fixture(scope="module")
def target(prior):
    from seqtutor.domains.reward_spec import make_reward

    return Target(make_reward(prior.domain, ""), C)


@pytest.fixture(scope="module")
def best(prior, target):
    """Every word, and the optimum over them."""
    every = prior.domain.every()
    log_p = prior.policy.log_probs(every, np.zeros((len(every), 0), np.int32))[1].numpy().sum(axis=1, dtype=np.float64)
    return every, optimum(log_p, target.reward(every, None).total.sum(axis=1, dtype=np.float64), C)


@pytest.mark.parametrize("particles", [1, 4])
def test_two_hundred_pairs_of_bounds_cover_log_z(prior, target, best, particles):
    """Each on its side on average, and at least 180 of 200 intervals from the lower to the upper end cover log Z."""
    log_z, inside, lows, highs = best[1].log_z, 0, [], []
    weights = []
    for batch in draw(prior, Draw(200 * 800, 0, 4000, particles=particles), target):
        of = batch.sequences
        reward = target.reward(of.tokens, of.lengths).total.sum(axis=1) / C
        weights.append(batch.log_z if particles > 1 else reward + (of.log_prior - of.log_prob).sum(axis=1))
    conditional = conditional_log_z(prior, target, particles, 1, exact_draws(prior, target, 2, 200 * 100))
    for below, above in zip(np.split(np.concatenate(weights), 200), np.split(conditional, 200), strict=True):
        lower, upper = LogZBound(), LogZBound(upper=True)
        lower.add(below)
        upper.add(above)
        low, high = lower.estimate(), upper.estimate()
        lows.append(low.value)
        highs.append(high.value)
        inside += low.low is None or high.high is None or low.low <= log_z <= high.high
    assert np.mean(lows) <= log_z + 3 * np.std(lows) / np.sqrt(200)
    assert np.mean(highs) >= log_z - 3 * np.std(highs) / np.sqrt(200)
    assert inside >= 180


def test_the_picked_near_the_distribution_of_the_optimum(prior, target, best):
    """With 64 particles the total variation from pi* is what as many exact draws have, and a little bias."""
    every, solved = best
    number, reward = {row.tobytes(): i for i, row in enumerate(every)}, target.reward(every, None).total.sum(axis=1)
    shares, n, off = np.exp(solved.log_pi) / np.exp(solved.log_pi).sum(), 10_000, {}
    for particles in (16, 64):
        counts = np.zeros(len(every))
        for batch in draw(prior, Draw(n, 1, 4000, particles=particles), target):
            np.add.at(counts, [number[row.tobytes()] for row in batch.sequences.tokens], 1)
        off[particles] = abs(counts @ reward / n - shares @ reward)
    by_chance = np.abs(np.random.default_rng(0).multinomial(n, shares) / n - shares).sum() / 2
    assert np.abs(counts / n - shares).sum() / 2 < by_chance + 0.03
    assert off[64] < off[16] / 2


def test_exact_draws_are_exact(prior, target, best):
    every, solved = best
    found = exact_draws(prior, target, 0, 20_000)
    reward = target.reward(found, None).total.sum(axis=1)
    expected = np.exp(solved.log_pi) @ target.reward(every, None).total.sum(axis=1)
    assert abs(reward.mean() - expected) < 4 * reward.std() / np.sqrt(len(reward))


def test_the_gap_is_to_the_best_bound_of_all_runs(prior, target):
    """Here log Z is known, so the gap of the prior is the exact KL(p || pi*), within the error of its objective."""
    study = Study(2000, 0, lambda domain: contextlib.nullcontext(target.reward), None, c=C)
    psi = load_run(DATA / "runs-0.1.0" / "psi")
    found = measure([Subject("prior", prior), Subject("psi", psi)], study, quiet=True)
    for metrics in found.values():
        assert abs(metrics["gap"].value - metrics["kl_optimum"].value) < 4 * metrics["objective"].error
        assert list(metrics)[list(metrics).index("objective") + 1] == "gap"
    more = measure([Subject("prior", prior)], Study(**{**vars(study), "particles": 16}), quiet=True)["prior"]
    assert 0 < more["gap"].value < found["prior"]["gap"].value / 4
    assert not {"entropy", "nll_policy", "kl_token", "kl_optimum"} & set(more)


def test_samples_say_their_weights(prior, tmp_path):
    from seqtutor.api import sample

    drawn = sample(prior, 50, particles=8, c=0.5, out=tmp_path, quiet=True).to_pandas()
    again = sample(prior, 20, particles=8, c=0.5, quiet=True).to_pandas()
    pd.testing.assert_series_equal(drawn["text"][:20], again["text"])
    assert np.isfinite(drawn["log_weight"]).all()
    assert drawn["total"].mean() > sample(prior, 50, quiet=True).to_pandas()["total"].mean() + 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"particles": 0}, "particles is 0"),
        ({"particles": 2, "temperature": 0.5}, "temperature 1"),
        ({"c": -1.0}, "c is -1"),
    ],
)
def test_what_particles_cannot_be(prior, wrong, says):
    from seqtutor.api import sample

    with pytest.raises(UserError, match=says):
        sample(prior, 5, quiet=True, **wrong)
