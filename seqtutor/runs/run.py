"""From a run folder back to its domain and policy. Everything comes from the checkpoint; TensorFlow loads with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtutor.config import Config, ModelConfig, changed, from_tree, to_tree
from seqtutor.domains import make_domain
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import RewardLike, built_in, file_of, handed_over, of_ratings
from seqtutor.domains.rewards import Reward
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.runs import checkpoint, lookaheads, shipped
from seqtutor.runs.array_forms import Forms, weights
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.shipped import named_like
from seqtutor.system.files import Header
from seqtutor.system.progress import LOG
from seqtutor.system.versions import versions

if TYPE_CHECKING:
    from typing_extensions import Self

    from seqtutor.policy.particles import ParticleSampler
    from seqtutor.policy.policy import Policy
    from seqtutor.policy.sampler import Sampler
    from seqtutor.policy.sequence_model import SequenceModel


@dataclass(frozen=True, eq=False)
class Run:
    """A run, ready to draw from. `name` labels it in tables: the folder's last two parts.

    Attributes:
      reward: the one it was tuned for, where this process knows it; None for a run that was loaded.
    """

    path: Path
    config: Config
    domain: Domain
    policy: Policy
    step: int
    reward: RewardLike | None = None

    @property
    def name(self) -> str:
        """music/psi for runs/music/psi."""
        return "/".join(self.path.resolve().parts[-2:])

    @property
    def shipped(self) -> bool:
        """Whether it is a prior that comes with seqtutor, beside which nothing is written."""
        return shipped.folder_of(self.path) is not None

    @property
    def primer(self) -> str:
        """The primer spec its sequences begin with: sample.primer of its config, or else tune.primer."""
        return self.config.sample.primer or self.config.tune.primer

    @property
    def reward_spec(self) -> RewardLike:
        """The reward it was tuned for; "", the domain's default, where that is a file, which a run must not execute."""
        if self.reward is not None:
            return self.reward
        spec = self.config.tune.reward
        file = file_of(spec) if of_ratings(spec) else None
        if built_in(spec) or (file is not None and file.exists()):
            return spec
        what = "was a Python function; give it as reward=" if handed_over(spec) else "is a file; name it with --reward"
        LOG.warning(f"{self.path}: its reward '{spec}' {what} to use it; here the domain's default counts")
        return ""

    def of_length(self, length: int) -> Self:
        """The same run, whose sequences have so many tokens; where there is an end token, at the most.

        Raises UserError for a length that its domain cannot have.
        """
        return self.drawing({"length": length})

    def drawing(self, options: Mapping[str, Any]) -> Self:
        """The same run with other options of its domain, of those that say only what is drawn, as its length.

        Raises UserError for what its domain cannot have.
        """
        if all(self.domain.options.get(key) == value for key, value in options.items()):
            return self
        config = changed(self.config, {f"domain.{key}": value for key, value in options.items()}, str(self.path))
        domain = make_domain(config.domain, self.domain.vocabulary)
        names = {f"online/{name}" for name in getattr(self.policy.tuned, "weights", ())}
        lookahead = lookaheads.of_saved(config, domain, names)
        policy = replace(self.policy, allowed=domain.allowed, lookahead=lookahead)
        return replace(self, config=config, domain=domain, policy=policy)

    def sampler(self, temperature: float = 1.0) -> Sampler:
        """Draws from the run's policy (a prior's is itself) at a temperature."""
        from seqtutor.policy.sampler import Exploration, Sampler

        return Sampler(
            self.policy, self.domain.vocabulary, self.domain.length,
            Exploration(temperature), self.policy.allowed,
        )  # fmt: skip

    def particle_sampler(self, reward: Reward, c: float) -> ParticleSampler:
        """Draws populations of particles nearer to the optimum of KL-control for a reward and c than the policy is."""
        from seqtutor.policy.particles import ParticleSampler

        return ParticleSampler(self.policy, self.domain, reward, c)


def checkpoint_meta(config: Config, domain: Domain) -> dict[str, Any]:
    """The part of a checkpoint's meta that `load_run` rebuilds a run from, and the versions that wrote it."""
    vocabulary = {"symbols": list(domain.vocabulary.symbols), "end": domain.vocabulary.end}
    return {"config": to_tree(config), "vocabulary": vocabulary, "versions": versions()}


def load_run(path: Path) -> Run:
    """Loads the best checkpoint of a run, or a prior that comes with seqtutor, by its name.

    Raises UserError if the folder or the checkpoint is not usable.
    """
    path = Path(path)
    if (folder := shipped.folder_of(path)) is not None:
        return rebuild(folder, shipped.load(folder))
    if not (path / "config.yaml").exists() and not (path / "checkpoints").is_dir():
        inside = ", ".join(sorted(str(found.parent) for found in path.glob("*/checkpoints")))
        mend = f"did you mean {inside}?" if inside else f"`seqtutor pretrain` and `tune` make them; {named_like(path)}"
        raise UserError(f"{path} is not a run folder; {mend}")
    return rebuild(path, checkpoint.load_best(path / "checkpoints", expected=partial(_forms, path)))


def _forms(path: Path, meta: Mapping[str, Any], headers: Mapping[str, Header]) -> Forms:
    """Of the arrays that `rebuild` needs, so that no others are read, and these only if they are as large as said."""
    from seqtutor.policy.sequence_model import shapes

    config, domain = _described(path, meta)
    lookahead = lookaheads.of_saved(config, domain, headers)
    width, actions = 0 if lookahead is None else lookahead.width, domain.vocabulary.size
    found = weights("prior", shapes(config.model, actions, width if config.model.lookahead else 0))
    if any(name.startswith("online/") for name in headers):
        found |= weights("online", shapes(_tuned(config), actions, width))
    return found


def _described(path: Path, meta: Mapping[str, Any]) -> tuple[Config, Domain]:
    """The config and the domain of a checkpoint. Raises UserError, or as `checkpoint.UNFIT`, where they are none."""
    config, words = from_tree(meta["config"], str(path)), meta["vocabulary"]
    return config, make_domain(config.domain, Vocabulary(tuple(words["symbols"]), words["end"]))


def _tuned(config: Config) -> ModelConfig:
    return config.model.widened(config.tune.units, config.tune.embedding)


def rebuild(path: Path, saved: Checkpoint) -> Run:
    """The run a checkpoint holds. Raises UserError if its parts do not fit together."""
    from seqtutor.kl_control.variants import VARIANTS
    from seqtutor.policy.policy import Policy

    with checkpoint.must_fit(path):
        config, domain = _described(path, saved.meta)
        lookahead = lookaheads.of_saved(config, domain, saved.arrays)
        width, actions = 0 if lookahead is None else lookahead.width, domain.vocabulary.size
        prior = _network(config.model, actions, saved.group("prior"), width if config.model.lookahead else 0)
        if not saved.group("online"):
            return Run(path, config, domain, Policy(prior, allowed=domain.allowed, lookahead=lookahead), saved.step)
        tuned = _network(_tuned(config), actions, saved.group("online"), width)
        variant = VARIANTS[config.tune.variant]
        policy = Policy(prior, tuned, variant, config.tune.value_scale, domain.allowed, lookahead)
        return Run(path, config, domain, policy, saved.step)


def _network(model: ModelConfig, actions: int, arrays: dict[str, np.ndarray], features: int = 0) -> SequenceModel:
    from seqtutor.policy.sequence_model import SequenceModel, check_shapes

    check_shapes(model, actions, arrays, features)  # before so much memory is taken
    network = SequenceModel(model, actions, features=features)
    network.set(arrays)
    return network
