"""Draws sequences from a run, batch by batch: from its policy, or picked from populations of particles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError
from seqtutor.policy.particles import ParticleSampler, Populations, Uniforms
from seqtutor.policy.primers import NONE, Primer, draw_from
from seqtutor.policy.sampler import Rollout
from seqtutor.runs.run import Run
from seqtutor.system.progress import LOG

PILOT = 32  # populations that say whether the tuned network's V is to be trusted
AT_ONCE = 1 << 14  # particles in memory together, if one population is not more

FIRST = 3  # batches that tell nothing about how long all will take, and as many that do
LONG = 1.0  # hours; what takes longer is worth a word


@dataclass(frozen=True)
class Draw:
    """How sequences are drawn.

    Attributes:
      num: how many.
      seed: with the batch size it decides the sequences; their number does not: the first of many are the few.
      batch: sequences drawn at a time.
      temperature: of the policy; particles are drawn at 1.
      primer: see primers.Primer.
      particles: K; above 1 each sequence is picked from a population of K, see `kl_control.smc`.
    """

    num: int
    seed: int
    batch: int
    temperature: float = 1.0
    primer: str = "start"
    particles: int = 1

    def check(self) -> None:
        """Raises UserError for particles at another temperature than 1."""
        if self.particles > 1 and self.temperature != 1.0:
            raise UserError(f"particles are drawn at temperature 1, not {self.temperature:g}; leave one of the two out")


class Target(NamedTuple):
    """What particles are weighted for: pi* = p exp(r / c) / Z."""

    reward: Reward
    c: float


class DrawnBatch(NamedTuple):
    """A batch of sequences, the primers int32 [N, P] before them, and how many of their tokens were drawn, int32 [N].

    Where the domain keeps its primer, it is part of the sequences but not drawn, and P = 0.

    `log_z` float64 [N] is log Z-hat of the population that each was picked from; None where there were no particles.
    Then `sequences` has no kl and no entropy (they are nan), and log_prob is that of the proposal, the policy.
    """

    primers: np.ndarray
    sequences: Rollout
    drawn_lengths: np.ndarray
    log_z: np.ndarray | None = None


def draw(run: Run, how: Draw, target: Target | None = None) -> Iterator[DrawnBatch]:
    """Draws `how.num` sequences batch by batch. Every batch is drawn whole, the last one too, and cut afterwards.

    Args: target: of particles; it must be given where there are some.
    """
    how.check()
    if how.particles > 1 and target is None:
        raise ValueError("particles need a target")
    batches = _picked(run, how, target) if target is not None and how.particles > 1 else _drawn(run, how)
    return _telling_how_long(batches, how.num)


def _drawn(run: Run, how: Draw) -> Iterator[DrawnBatch]:
    """Draws from the policy itself."""
    sampler, primer = run.sampler(how.temperature), Primer(run.domain, how.primer)
    for index, first in enumerate(range(0, how.num, how.batch)):
        rng = np.random.default_rng([how.seed, 0x5A, index])
        uniforms = rng.random((how.batch, run.domain.length), np.float32)
        primers = primer.draw(how.batch, rng, first)
        whole, before, count = draw_from(sampler, uniforms, primers, run.domain)
        n = min(how.batch, how.num - first)
        yield DrawnBatch(before[:n], Rollout(*(array[:n] for array in whole)), count[:n])


def _telling_how_long(batches: Iterator[DrawnBatch], num: int) -> Iterator[DrawnBatch]:
    """The batches; where all will take over LONG, with what becomes of them, a warning says so after a few."""
    begun, done, counted = 0.0, 0, 0
    for number, batch in enumerate(batches):
        yield batch
        done += len(batch.drawn_lengths)
        if number == FIRST:
            begun, counted = time.monotonic(), done
        if number == 2 * FIRST:
            hours = (time.monotonic() - begun) * (num - done) / (done - counted) / 3600
            if hours > LONG:
                LOG.warning(f"{num:,} sequences: about {hours:,.0f} more hours at this rate")


def _picked(run: Run, how: Draw, target: Target) -> Iterator[DrawnBatch]:
    """One sequence of each population. Raises UserError for a reward that depends on what was scored before."""
    if target.reward.has_history:
        raise UserError("a reward that remembers what it has scored cannot weigh particles; leave --particles out")
    sampler, primer = particle_sampler(run, target, how.particles, how.primer), Primer(run.domain, how.primer)
    at_once = max(1, min(how.batch, AT_ONCE // how.particles))
    for index, first in enumerate(range(0, how.num, at_once)):
        rng = np.random.default_rng([how.seed, 0x5B, index])
        primers = primer.draw(at_once, rng, first)
        found = sampler.draw(Uniforms.draw(rng, at_once, how.particles, run.domain.length), primers)
        yield picked(found, primers, run.domain, min(at_once, how.num - first))


def particle_sampler(run: Run, target: Target, particles: int, primer: str = "start") -> ParticleSampler:
    """What draws populations of so many particles after primers; see `ParticleSampler.choose`.

    A pilot decides for a tuned network, by the run's own seed. A reward that costs has none: there V counts.
    """
    sampler = run.particle_sampler(target.reward, target.c)
    if run.policy.tuned is not None and not target.reward.costs:
        rng = np.random.default_rng([run.config.seed, 0x5C])
        primers = Primer(run.domain, primer).draw(PILOT, rng, 0)
        sampler.choose(Uniforms.draw(rng, PILOT, particles, run.domain.length), primers)
    return sampler


def picked(found: Populations, primers: np.ndarray, domain: Domain, n: int) -> DrawnBatch:
    """The picked particles of the first n populations, which were drawn after primers [M, P]."""
    tokens, lengths, log_prob, log_prior = (found.of_picked(array)[:n] for array in found[:4])
    unknown = np.full(log_prob.shape, np.nan, np.float32)
    kept = (primers[:n] != NONE).sum(axis=1) if domain.keeps_primer else np.zeros(n, int)
    before = primers[:n, :0] if domain.keeps_primer else primers[:n]
    rollout = Rollout(tokens, lengths, log_prob, log_prior, unknown, unknown)
    return DrawnBatch(before, rollout, (lengths - kept).astype(np.int32), found.log_z[:n])
