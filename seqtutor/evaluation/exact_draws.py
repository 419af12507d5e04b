"""Exact draws from the optimum, where they can be had, and the upper bound on log Z that they give."""

from __future__ import annotations

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.evaluation.draw import AT_ONCE, Draw, Target, draw, particle_sampler
from seqtutor.kl_control.optimum import LogZBound, optimum
from seqtutor.policy.particles import Uniforms
from seqtutor.runs.run import Run

WANTED = 400  # exact draws
TRIED = 20_000  # draws of the prior, at most; fewer than a fiftieth of them accepted would cost more than they tell
ROWS = 1_000  # of them in a batch; after the first it is known whether enough will be accepted
PURPOSE = 0xE8AC  # of the random numbers


def exact_draws(run: Run, target: Target, seed: int, wanted: int = WANTED, tried: int = TRIED) -> np.ndarray | None:
    """So many sequences int32 [N, T] from pi*(tau) = p(tau) exp(r(tau) / c) / Z; None where they cannot be had.

    Where all sequences can be listed, they are drawn from the list. Elsewhere, if the reward has a bound r_max, a draw
    from the prior is accepted with probability exp((r - r_max) / c) (von Neumann 1951).

    Args: tried: draws from the prior at most; where these cannot give so many, it ends after the first batch.
    """
    every, rng = listed(run.domain), np.random.default_rng([seed, PURPOSE])
    if every is not None:
        return every[_listed(run, target, every, rng, wanted)]
    most = target.reward.most(run.domain.length)
    if most is None:
        return None
    if run.policy.allowed is not None:
        return None  # draws of the prior that are all allowed are few
    prior = Run(run.path, run.config, run.domain, run.policy.of_prior, run.step)
    kept: list[np.ndarray] = []
    for batch in draw(prior, Draw(tried, seed, min(ROWS, tried))):
        tokens, lengths = batch.sequences[:2]
        reward = target.reward(tokens, lengths).total.sum(axis=1, dtype=np.float64)
        kept.append(tokens[np.log(rng.random(len(tokens))) < (reward - most) / target.c])
        accepted = sum(map(len, kept))
        if accepted >= wanted or (len(kept) == 1 and 2 * accepted * tried < wanted * len(tokens)):
            break
    found = np.concatenate(kept)[:wanted]
    return found if len(found) == wanted else None


def listed(domain: Domain) -> np.ndarray | None:
    """Every sequence of a domain that may be drawn, int32 [K, T], where they can be listed; else None."""
    every, allowed = domain.every(), domain.allowed
    return every if every is None or allowed is None else every[allowed[every].all(axis=1)]


def _listed(run: Run, target: Target, every: np.ndarray, rng: np.random.Generator, wanted: int) -> np.ndarray:
    """Numbers of `wanted` sequences in a list of all, by the probability that the optimum gives them."""
    log_p = run.policy.log_probs(every, np.zeros((len(every), 0), np.int32))[1].numpy().sum(axis=1, dtype=np.float64)
    total = target.reward(every, np.full(*every.shape)).total.sum(axis=1, dtype=np.float64)
    share = np.exp(optimum(log_p, total, target.c).log_pi)
    return rng.choice(len(every), wanted, p=share / share.sum())


def conditional_log_z(run: Run, target: Target, particles: int, seed: int, given: np.ndarray) -> np.ndarray:
    """log Z-hat float64 [N] of conditional SMC: population i holds the exact draw given[i], of int32 [N, T]."""
    sampler, found = particle_sampler(run, target, particles), [np.zeros(0)]
    rows = max(1, AT_ONCE // particles)
    for index, first in enumerate(range(0, len(given), rows)):
        part = given[first : first + rows]
        uniforms = Uniforms.draw(np.random.default_rng([seed, PURPOSE, index]), len(part), particles, run.domain.length)
        found.append(sampler.draw(uniforms, np.zeros((len(part), 0), np.int32), part).log_z)
    return np.concatenate(found)


def upper_bound(run: Run, target: Target, num: int, particles: int, seed: int) -> LogZBound | None:
    """An upper bound on log Z from exact draws; None where they cannot be had from as many draws as num populations."""
    given, bound = exact_draws(run, target, seed, tried=min(TRIED, num * particles)), LogZBound(upper=True)
    if given is None:
        return None
    bound.add(conditional_log_z(run, target, particles, seed, given))
    return bound
