"""What the networks of a run are told of the sequences that they write."""

from __future__ import annotations

from collections.abc import Container

from seqtutor.config import Config
from seqtutor.domains.base import Domain
from seqtutor.domains.lookahead import Lookahead
from seqtutor.domains.reward_spec import built_in
from seqtutor.domains.reward_terms import parse
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError


def of_prior(config: Config, domain: Domain) -> Lookahead | None:
    """What a prior is told. Raises UserError if it is to be told what the domain does not know."""
    if not config.model.lookahead:
        return None
    if (found := domain.lookahead()) is None:
        raise UserError(f"model.lookahead: domain '{domain.name}' has nothing to tell; leave it false")
    return found


def of_tuned(config: Config, domain: Domain, reward: Reward | None) -> Lookahead | None:
    """What a network that is tuned is told: as its prior; else what the reward knows, or the domain.

    Args: reward: None for one that is not known.
    """
    if config.model.lookahead or not config.tune.lookahead:
        return of_prior(config, domain)
    of_reward = None if reward is None else reward.lookahead(domain.length, config.tune.c)
    return domain.lookahead() if of_reward is None else of_reward


def of_saved(config: Config, domain: Domain, names: Container[str]) -> Lookahead | None:
    """What the networks of a checkpoint are told, of the names of its arrays."""
    if "online/features/kernel" not in names:
        return of_prior(config, domain)
    spec = config.tune.reward or domain.default_reward
    return of_tuned(config, domain, domain.reward(parse(spec, domain.reward_names)) if built_in(spec) else None)
