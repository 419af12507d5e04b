"""The state of one tuning run and its one operation, a round."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqtutor.config import Config, TuneConfig
from seqtutor.domains.base import Domain, Reward, Rewards
from seqtutor.errors import Diverged, UserError
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.primers import Primer, with_primer
from seqtutor.policy.sampler import Exploration, Rollout, Sampler
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.runs import checkpoint
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.run import checkpoint_meta
from seqtutor.tuning.best_sequences import BestSequences
from seqtutor.tuning.learner import Learner
from seqtutor.tuning.replay import Arrays, Replay


class RoundDraw(NamedTuple):
    """What a round draws: the sequences as the domain sees them, the primers [N, P] they were drawn after, how many
    tokens of each primer are theirs, and the generator of the round's other random numbers.
    """

    whole: Rollout
    primers: np.ndarray
    kept: int
    rng: np.random.Generator


class Tuner:
    """The state of one tuning run and its one operation, a round."""

    def __init__(self, config: Config, domain: Domain, prior: SequenceModel, reward: Reward):
        """Args: prior: the frozen prior with its weights; config, domain and reward as in `tune`."""
        self._config, self._domain, self._reward = config, domain, reward
        settings = config.tune
        variant = self._variant = VARIANTS[settings.variant]
        if variant.on_policy and (settings.exploration, settings.temperature) != ("boltzmann", 1.0):
            raise UserError(
                f"tune.variant {variant.name} learns from its own policy's sequences: "
                "leave tune.exploration at boltzmann and tune.temperature at 1"
            )
        self.learner = Learner(variant, prior, settings, config.seed, domain.vocabulary.begin)
        self.policy = Policy(prior, self.learner.online, variant, settings.value_scale)
        self._sampler = Sampler(
            self.policy.step, self.policy.initial_state, domain.vocabulary, domain.length, exploration(settings)
        )
        self.primer = Primer(domain, settings.primer)
        size = max(settings.buffer // self.primer.lengths, min(settings.buffer, settings.batch))
        self._replays: defaultdict[int, Replay] = defaultdict(  # by the length of the primers
            lambda: Replay(size, settings.priority)
        )
        self.best = BestSequences(settings.best)
        self._owed = 0.0  # sequences still to be learned from, by the replay ratio
        self._tokens = 0  # drawn so far
        self._ahead: RoundDraw | None = None  # the next round's

    def round(self, number: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """One round: its row of history.csv, and the distributions of reward, KL and length over its sequences."""
        settings, on_policy = self._config.tune, self._variant.on_policy
        whole, primers, kept, rng = self._ahead or self._draw(number)
        pending = self._reward.start(whole.tokens, whole.lengths)
        self.learner.optimizer.learning_rate = learning_rate(settings, number)
        replay = self._replays[primers.shape[1]]
        learned = self._learn_from(replay, rng)
        goes_on = not on_policy and number + 1 < settings.rounds
        self._ahead = self._draw(number + 1) if goes_on else None
        scored = pending()
        self.best.add(number + 1, whole, scored)
        rows = {
            "tokens": whole.tokens[:, kept:], "lengths": whole.lengths - kept, "primer": primers,
            "reward": scored.total[:, kept:].astype(np.float32), "log_prior": whole.log_prior[:, kept:],
        }  # fmt: skip
        if on_policy:
            learned = [self._update(rows, np.ones(len(primers), np.float32))]
        else:
            replay.add(rows)
        count = whole.lengths - kept
        self._tokens += int(count.sum())
        row: dict[str, Any] = {"step": number + 1, "tokens": self._tokens}
        for name in ("loss", "td_error"):
            row[name] = float(np.mean([out[name] for out in learned])) if learned else float("nan")
        sums = {"sequence_reward": scored.total.sum(axis=1), "sequence_kl": whole.kl.sum(axis=1)}
        valid = self._domain.valid(whole.tokens, whole.lengths)
        row |= summarise(whole, count, scored, settings.c) | ({} if valid is None else {"valid": float(valid.mean())})
        return row, {**sums, "sequence_length": whole.lengths}

    def _draw(self, number: int) -> RoundDraw:
        settings = self._config.tune
        rng = np.random.default_rng([self._config.seed, 0x70E, number])
        primers = self.primer.draw_equal(settings.batch, rng, number)
        uniforms = rng.random((settings.batch, self._domain.length), np.float32)
        whole, before = with_primer(self._sampler.draw(uniforms, primers), primers, self._domain)
        kept = primers.shape[1] - before.shape[1]  # tokens of a scaffold: judged with the rest, but not chosen
        return RoundDraw(whole, primers, kept, rng)

    def _updates(self) -> int:
        """How many minibatches make up the replay ratio this round, on the long average."""
        settings = self._config.tune
        self._owed += settings.batch * settings.replay_ratio
        count = int(self._owed // settings.minibatch)
        self._owed -= count * settings.minibatch
        return count

    def _learn_from(self, replay: Replay, rng: np.random.Generator) -> list[dict[str, tf.Tensor]]:
        """A round's updates from what earlier rounds drew: none in the first round, and none on-policy."""
        learned = []
        for _ in range(self._updates() if len(replay) else 0):
            at, rows, weight = replay.draw(self._config.tune.minibatch, rng)
            learned.append(self._update(rows, weight))
            replay.update(at, learned[-1]["td_error_by_sequence"].numpy())
        return learned

    def _update(self, rows: Arrays, weight: np.ndarray) -> dict[str, tf.Tensor]:
        longest = rows["lengths"].max()
        out = self.learner.update(
            rows["tokens"][:, :longest], rows["lengths"], rows["primer"], rows["reward"][:, :longest],
            rows["log_prior"][:, :longest], weight,
        )  # fmt: skip
        if not math.isfinite(out["loss"]):
            raise Diverged("tuning diverged: the loss is not finite; lower tune.learning_rate, or raise tune.c")
        return out

    def snapshot(self, step: int) -> Checkpoint:
        """Everything a resumed run needs, after `step` rounds."""
        learner = self.learner
        optimizer = {str(i): v.numpy() for i, v in enumerate(learner.optimizer.variables)}
        replays = checkpoint.join(**{str(length): replay.state() for length, replay in self._replays.items()})
        arrays = checkpoint.join(
            prior=learner.prior.get(), online=learner.online.get(), target=learner.target.get(),
            optimizer=optimizer, replay=replays, reward=self._reward.state(), best=self.best.state(),
            loop={"owed": np.array(self._owed), "tokens": np.array(self._tokens)},
        )  # fmt: skip
        return Checkpoint(step, {"kind": "tuned", **checkpoint_meta(self._config, self._domain)}, arrays)

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `snapshot`."""
        self.learner.prior.set(saved.group("prior"))
        self.learner.online.set(saved.group("online"))
        self.learner.target.set(saved.group("target"))
        for i, variable in enumerate(self.learner.optimizer.variables):
            variable.assign(saved.arrays[f"optimizer/{i}"])
        for length in {key.partition("/")[0] for key in saved.group("replay")}:
            self._replays[int(length)].restore(saved.group(f"replay/{length}"))
        self._reward.restore(saved.group("reward"))
        self.best.restore(saved.group("best"))
        self._ahead = None
        self._owed, self._tokens = float(saved.arrays["loop/owed"]), int(saved.arrays["loop/tokens"])


def exploration(settings: TuneConfig) -> Exploration:
    """How the tuned policy is explored."""
    return Exploration(settings.temperature, settings.epsilon if settings.exploration == "epsilon-greedy" else None)


def learning_rate(settings: TuneConfig, number: int) -> float:
    """The rate of round `number`: a linear warm-up, then linear from learning_rate to final_rate times it.

    The first steps of Adam have the size of the rate in every weight, however small and noisy the gradient; without a
    warm-up they carry the policy several nats a sequence away from the prior before anything is learned.
    """
    share = number / max(1, settings.rounds - 1)
    rise = min(1.0, (number + 1) / (settings.warmup + 1))
    return settings.learning_rate * rise * (1.0 - share * (1.0 - settings.final_rate))


def summarise(drawn: Rollout, count: np.ndarray, scored: Rewards, c: float) -> dict[str, float]:
    """What a round drew, as it stood before it learned. Rewards, KL and objective a sequence; the rest a token.

    objective = E[r] / c - KL(pi || p) a sequence: what every variant with a prior maximises (discount 1). The
    expectation is over the sequences drawn, so with another exploration than Boltzmann's at temperature 1 it is not
    quite the policy's; `evaluate` draws from the policy itself. count [N]: tokens drawn of each sequence.
    """
    tokens = count.sum()
    reward = float(scored.total.sum(axis=1).mean())
    kl = float(drawn.kl.sum(axis=1).mean())
    row = {
        "reward": reward, "objective": reward / c - kl, "kl_sequence": kl, "kl": float(drawn.kl.sum() / tokens),
        "log_prior": float(drawn.log_prior.sum() / tokens), "log_prob": float(drawn.log_prob.sum() / tokens),
        "entropy": float(drawn.entropy.sum() / tokens), "length": float(drawn.lengths.mean()),
        "distinct": len(np.unique(drawn.tokens, axis=0)) / len(drawn.tokens),
    }  # fmt: skip
    return row | {f"reward_{name}": float(part.sum(axis=1).mean()) for name, part in scored.components.items()}
