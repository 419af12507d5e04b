"""What each round of tuning draws: sequences of the policy, or populations of particles with their weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqtutor.config import Config, TuneConfig
from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.errors import UserError
from seqtutor.kl_control import smc
from seqtutor.policy.particles import ParticleSampler, Uniforms
from seqtutor.policy.policy import Policy
from seqtutor.policy.primers import Primer, with_primer
from seqtutor.policy.sampler import Exploration, Rollout, Sampler


class Weights(NamedTuple):
    """The weights of M populations of K particles, N = M K rows; see `kl_control.smc`.

    Attributes:
      log_z: log Z-hat, float64 [M].
      picking: the probability that a row is the one picked of its population, float64 [N]; it sums to M.
      learning: the weight of a row in an expectation over pi*, float32 [N], with mean 1: Z-hat of its population times
        its own weight in there, which is unbiased but for the normalisation.
    """

    log_z: np.ndarray
    picking: np.ndarray
    learning: np.ndarray

    @classmethod
    def of(cls, log_weights: np.ndarray, log_z: np.ndarray) -> Weights:
        """Args: log_weights [M, K], normalised in each population; log_z [M]."""
        every = smc.normalised((log_weights + log_z[:, None]).reshape(1, -1))[0]
        learning = (np.exp(every) * every.size).astype(np.float32)
        return cls(log_z, np.exp(log_weights).ravel(), learning)


class RoundDraw(NamedTuple):
    """The sequences as the domain sees them, the primers [N, P] they were drawn after, how many tokens of each primer
    are theirs, the generator of the round's other random numbers, and the weights of particles, if they are some.
    """

    whole: Rollout
    primers: np.ndarray
    kept: int
    rng: np.random.Generator
    weights: Weights | None = None

    def first(self, count: int) -> RoundDraw:
        """The first sequences alone."""
        return self._replace(whole=Rollout(*(array[:count] for array in self.whole)), primers=self.primers[:count])


class Drawer:
    """Draws the sequences of a round, with random numbers that depend on the seed and the round alone.

    Attributes:
      primer: what the sequences begin with.
    """

    def __init__(self, config: Config, domain: Domain, policy: Policy, reward: Reward):
        """Raises UserError for settings that do not go together."""
        settings = config.tune
        self._settings, self._seed, self._domain = settings, config.seed, domain
        self.primer = Primer(domain, settings.primer)
        variant = policy.variant
        assert variant is not None  # it is the policy that is tuned
        self._particles = ParticleSampler(policy, domain, reward, settings.c)
        self._sampler = Sampler(policy, domain.vocabulary, domain.length, exploration(settings), domain.allowed)
        self._populations = settings.particles > 1 or variant.weighted
        own = (settings.exploration, settings.temperature) == ("boltzmann", 1.0)
        if not own and (variant.on_policy or self._populations):
            what = f"tune.variant {variant.name}" if variant.on_policy or variant.weighted else "tune.particles"
            raise UserError(
                f"{what} learns from its own policy's sequences: "
                "leave tune.exploration at boltzmann and tune.temperature at 1"
            )
        if self._populations and settings.calls:
            raise UserError("tune.calls counts what a policy draws; leave it at 0 where populations are drawn")
        if self._populations and settings.best_batch:
            raise UserError("tune.best_batch: the best have no weights beside those of populations; leave it at 0")
        if settings.particles > 1 and variant.on_policy:
            raise UserError(f"tune.variant {variant.name} learns on-policy; leave tune.particles at 1")
        if self._populations and reward.has_history:
            raise UserError("a reward that remembers what it has scored cannot weigh particles; use another variant")

    def draw(self, number: int) -> RoundDraw:
        """The sequences of round `number`."""
        settings = self._settings
        rng = np.random.default_rng([self._seed, 0x70E, number])
        primers = self.primer.draw_equal(settings.batch // settings.particles, rng, number)
        if self._populations:
            return self._draw_populations(primers, rng)
        uniforms = rng.random((settings.batch, self._domain.length), np.float32)
        whole, before = with_primer(self._sampler.draw(uniforms, primers), primers, self._domain)
        kept = primers.shape[1] - before.shape[1]  # tokens of a scaffold: judged with the rest, but not chosen
        return RoundDraw(whole, primers, kept, rng)

    def _draw_populations(self, primers: np.ndarray, rng: np.random.Generator) -> RoundDraw:
        particles = self._settings.particles
        found = self._particles.draw(Uniforms.draw(rng, len(primers), particles, self._domain.length), primers)
        tokens, lengths, log_prob, log_prior = (array.reshape(-1, *array.shape[2:]) for array in found[:4])
        unknown = np.zeros(log_prob.shape, np.float32)
        kept = primers.shape[1] if self._domain.keeps_primer else 0
        whole = Rollout(tokens, lengths, log_prob, log_prior, unknown, unknown)
        weights = Weights.of(found.log_weights, found.log_z)
        return RoundDraw(whole, np.repeat(primers, particles, axis=0), kept, rng, weights)


def exploration(settings: TuneConfig) -> Exploration:
    """How the tuned policy is explored."""
    return Exploration(settings.temperature, settings.epsilon if settings.exploration == "epsilon-greedy" else None)


def summarise(drawn: RoundDraw, scored: Rewards, c: float) -> dict[str, float]:
    """What a round drew, before it learned from it. Rewards, KL and objective a sequence; the rest a token.

    objective = E[r] / c - KL(pi || p) a sequence: what every variant with a prior maximises (discount 1). The
    expectation is over the sequences drawn, so with another exploration than Boltzmann's at temperature 1 it is not
    quite the policy's; `evaluate` draws from the policy itself.

    Of populations, the figures are those of the particles that would be picked. Then objective is E[log Z-hat], a lower
    bound of theirs, kl an upper bound, and entropy the cross-entropy -log pi of the policy.
    """
    of, lengths = drawn.whole, drawn.whole.lengths - drawn.kept
    share = np.full(len(lengths), 1.0) if drawn.weights is None else drawn.weights.picking
    share = share / share.sum()
    tokens = share @ lengths
    reward = float(share @ scored.total.sum(axis=1))
    per_token = {"log_prior": of.log_prior, "log_prob": of.log_prob}
    row = {name: float(share @ array.sum(axis=1) / tokens) for name, array in per_token.items()}
    if drawn.weights is None:
        kl, entropy = float(of.kl.sum(axis=1).mean()), float(of.entropy.sum() / lengths.sum())
        objective = reward / c - kl
    else:
        objective, entropy = float(drawn.weights.log_z.mean()), -row["log_prob"]
        kl = reward / c - objective
    row = {
        "reward": reward, "objective": objective, "kl_sequence": kl, "kl": float(kl / tokens), **row,
        "entropy": entropy, "length": float(share @ of.lengths),
        "distinct": len(np.unique(of.tokens, axis=0)) / len(of.tokens),
    }  # fmt: skip
    return row | {f"reward_{name}": float(share @ part.sum(axis=1)) for name, part in scored.components.items()}
