"""From a run folder back to its domain and policy. Everything comes from the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor import checkpoint
from seqtutor.checkpoint import Checkpoint
from seqtutor.config import Config, from_tree, to_tree
from seqtutor.domains import make_domain
from seqtutor.domains.base import Domain, Reward, Vocabulary
from seqtutor.errors import UserError
from seqtutor.model import SequenceModel
from seqtutor.particles import ParticleSampler
from seqtutor.policy import Policy
from seqtutor.rollout import Exploration, Sampler
from seqtutor.rundir import versions
from seqtutor.tune.variants import VARIANTS


@dataclass(frozen=True)
class LoadedRun:
    """A run, ready to draw from. `name` labels it in tables: the folder's last two parts."""

    path: Path
    config: Config
    domain: Domain
    policy: Policy
    step: int

    @property
    def name(self) -> str:
        """music/psi for runs/music/psi."""
        return "/".join(self.path.resolve().parts[-2:])

    def sampler(self, temperature: float = 1.0) -> Sampler:
        """Draws from the run's policy (a prior's is itself) at a temperature."""
        return Sampler(
            self.policy.step, self.policy.initial_state, self.domain.vocabulary, self.domain.length,
            Exploration(temperature),
        )  # fmt: skip

    def particle_sampler(self, reward: Reward, c: float) -> ParticleSampler:
        """Draws populations of particles nearer to the optimum of KL-control for a reward and c than the policy is."""
        return ParticleSampler(self.policy, self.domain, reward, c)


def describe(config: Config, domain: Domain) -> dict[str, Any]:
    """The part of a checkpoint's meta that `load_run` rebuilds a run from, and the versions that wrote it."""
    vocabulary = {"symbols": list(domain.vocabulary.symbols), "end": domain.vocabulary.end}
    return {"config": to_tree(config), "vocabulary": vocabulary, "versions": versions()}


def load_run(path: Path) -> LoadedRun:
    """Loads the best checkpoint of a run. Raises UserError if the folder or the checkpoint is not usable."""
    path = Path(path)
    if not (path / "config.yaml").exists() and not (path / "checkpoints").is_dir():
        inside = ", ".join(sorted(str(found.parent) for found in path.glob("*/checkpoints")))
        mend = f"did you mean {inside}?" if inside else "`seqtutor pretrain` and `tune` make them"
        raise UserError(f"{path} is not a run folder; {mend}")
    return rebuild(path, checkpoint.load_best(path / "checkpoints"))


def rebuild(path: Path, saved: Checkpoint) -> LoadedRun:
    """The run a checkpoint holds. Raises UserError if its parts do not fit together."""
    with checkpoint.must_fit(path):
        config = from_tree(saved.meta["config"], str(path))
        words = saved.meta["vocabulary"]
        vocabulary = Vocabulary(tuple(words["symbols"]), words["end"])
        domain = make_domain(config.domain, vocabulary)
        prior = _network(config, vocabulary, saved.group("prior"))
        if not saved.group("online"):
            return LoadedRun(path, config, domain, Policy(prior), saved.step)
        tuned = _network(config, vocabulary, saved.group("online"))
        policy = Policy(prior, tuned, VARIANTS[config.tune.variant], config.tune.value_scale)
        return LoadedRun(path, config, domain, policy, saved.step)


def _network(config: Config, vocabulary: Vocabulary, arrays: dict[str, np.ndarray]) -> SequenceModel:
    network = SequenceModel(config.model, vocabulary.size)
    network.set(arrays)
    return network
