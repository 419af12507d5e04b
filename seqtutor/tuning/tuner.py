"""The state of one tuning run and its one operation, a round."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import tensorflow as tf

from seqtutor.config import Config, TuneConfig
from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.errors import Diverged, UserError
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.runs import checkpoint, lookaheads
from seqtutor.runs.array_forms import NUMBERS, Form, Forms, at_most, weights
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.run import Run, checkpoint_meta
from seqtutor.tuning.best_sequences import BestSequences
from seqtutor.tuning.calls import KEPT, Calls, key_of
from seqtutor.tuning.learner import Learner
from seqtutor.tuning.memory import Memory
from seqtutor.tuning.offspring import Breeder
from seqtutor.tuning.replay import Arrays, Replay
from seqtutor.tuning.round_draws import Drawer, RoundDraw, summarise


class Tuner:
    """The state of one tuning run and its one operation, a round."""

    def __init__(self, config: Config, domain: Domain, prior: SequenceModel, reward: Reward):
        """Args: prior: the frozen prior with its weights; config, domain and reward as in `tune`."""
        self._config, self._domain, self._reward = config, domain, reward
        settings = config.tune
        variant = self._variant = VARIANTS[settings.variant]
        lookahead = lookaheads.of_tuned(config, domain, reward)
        self.learner = Learner(
            variant, prior, settings, config.seed, domain.vocabulary.begin, domain.allowed, lookahead
        )
        self.policy = Policy(prior, self.learner.online, variant, settings.value_scale, domain.allowed, lookahead)
        self._drawer = Drawer(config, domain, self.policy, reward)
        self.primer = self._drawer.primer
        self._breeder = Breeder(config, domain, self.policy)
        size = self._size = max(settings.buffer // self.primer.lengths, min(settings.buffer, settings.batch))
        self._replays: defaultdict[int, Replay] = defaultdict(  # by the length of the primers
            lambda: Replay(size, settings.priority)
        )
        self._memories: defaultdict[int, Memory] = defaultdict(lambda: Memory(settings.best))  # likewise
        self.best = BestSequences(settings.best)
        self.calls = Calls(settings.calls)
        self._owed = 0.0  # sequences still to be learned from, by the replay ratio
        self._tokens = 0  # drawn so far
        self._reached = False  # tune.until
        self._ahead: RoundDraw | None = None  # the next round's

    def begin_with(self, run: Run) -> None:
        """Begins with the policy of another run instead of the prior's. Raises UserError if the two do not go together.

        Learning starts afresh: nothing else of that run is taken.
        """
        policy, own = run.policy, self._variant
        if policy.tuned is None or policy.variant is None:
            raise UserError(f"tune.initial {run.path} is a prior; give a tuned run, or leave it empty")
        if policy.prior.digest() != self.learner.prior.digest():
            raise UserError(f"tune.initial {run.path} was tuned from another prior; give a run of the same one")
        if policy.variant.adds_to_prior != own.adds_to_prior:
            raise UserError(
                f"tune.initial {run.path} is of the variant {policy.variant.name}, whose network means another thing "
                f"than that of {own.name}; tune both by one"
            )
        try:
            self.learner.begin_at(policy.tuned.get())
        except ValueError as error:
            raise UserError(
                f"tune.initial {run.path}: {error}; tune.units, tune.embedding and what tune.lookahead tells must be "
                "as there"
            ) from None

    @property
    def over(self) -> bool:
        """Whether the run ends before its last round: its calls are spent, or a round's mean reward has come to
        tune.until.
        """
        return self.calls.spent or self._reached

    def round(self, number: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """One round: its row of history.csv, and the distributions of reward, KL and length over its sequences."""
        settings, on_policy = self._config.tune, self._variant.on_policy
        drawn = self._within_budget(self._ahead or self._drawer.draw(number))
        whole, primers, kept, rng, weights = drawn
        pending = self._reward.start(whole.tokens, whole.lengths)
        self.learner.optimizer.learning_rate = learning_rate(settings, number)
        replay, memory = self._replays[primers.shape[1]], self._memories[primers.shape[1]]
        learned = [] if on_policy else self._learn_from(replay, memory, rng) + self._learn_from_best(memory, rng)
        goes_on = not on_policy and number + 1 < settings.rounds
        self._ahead = self._drawer.draw(number + 1) if goes_on else None
        scored = pending()
        rows = self._keep(number, drawn, scored, memory)
        children = self._breed(number, memory)
        if on_policy:
            learned = [self._update(*self._with_best(rows, np.ones(len(primers), np.float32), memory, rng))]
            learned += self._learn_from_best(memory, rng)
        else:
            replay.add(rows)
        count = whole.lengths - kept
        self._tokens += int(count.sum())
        drawn_so_far = number * settings.batch + len(count)  # a round is short only where the calls end
        row: dict[str, Any] = {"step": number + 1, "drawn": drawn_so_far, "tokens": self._tokens}
        for name in ("loss", "td_error"):
            row[name] = float(np.mean([out[name] for out in learned])) if learned else float("nan")
        sums = {"sequence_reward": scored.total.sum(axis=1)}
        if weights is None:  # else it is not known of each
            sums["sequence_kl"] = whole.kl.sum(axis=1)
        valid = self._domain.valid(whole.tokens, whole.lengths)
        row |= summarise(drawn, scored, settings.c) | ({} if valid is None else {"valid": float(valid.mean())})
        row |= ({"offspring": children} if settings.offspring else {}) | self.calls.figures()
        self._reached = settings.until is not None and row["reward"] >= settings.until
        return row, {**sums, "sequence_length": whole.lengths}

    def _keep(self, number: int, drawn: RoundDraw, scored: Rewards, memory: Memory) -> Arrays:
        """Adds what was scored to the best, the calls and the memory; returns it as rows of a replay."""
        whole, primers, kept, _, weights = drawn
        self.best.add(number + 1, whole, scored)
        identities = self._domain.identities(whole.tokens, whole.lengths)
        self.calls.add(identities, scored.total.sum(axis=1))
        rows = {
            "tokens": whole.tokens[:, kept:], "lengths": whole.lengths - kept, "primer": primers,
            "reward": scored.total[:, kept:].astype(np.float32), "log_prior": whole.log_prior[:, kept:],
            **({} if weights is None else {"weight": weights.learning}),
        }  # fmt: skip
        if self._config.tune.best_batch:
            memory.add(rows, [None if identity is None else key_of(identity) for identity in identities])
        return rows

    def _breed(self, number: int, memory: Memory) -> int:
        """Has children of the best scored and kept; returns how many there were."""
        drawn = self._breeder.draw(number, memory, self.calls)
        if drawn is None:
            return 0
        self._keep(number, drawn, self._reward(drawn.whole.tokens, drawn.whole.lengths), memory)
        return len(drawn.primers)

    def _within_budget(self, drawn: RoundDraw) -> RoundDraw:
        """The sequences, up to the one that would be a call too many."""
        whole = drawn.whole
        if self.calls.budget == 0 or self.calls.budget - len(self.calls) >= len(whole.lengths):
            return drawn
        return drawn.first(self.calls.within(self._domain.identities(whole.tokens, whole.lengths)))

    def _updates(self) -> int:
        """How many minibatches make up the replay ratio this round, on the long average."""
        settings = self._config.tune
        self._owed += settings.batch * settings.replay_ratio
        count = int(self._owed // settings.minibatch)
        self._owed -= count * settings.minibatch
        return count

    def _with_best(
        self, rows: Arrays, weight: np.ndarray, memory: Memory, rng: np.random.Generator
    ) -> tuple[Arrays, np.ndarray]:
        """A minibatch and its weights, with some of the best behind it."""
        if not len(memory):
            return rows, weight
        count = self._config.tune.best_batch
        best = memory.draw(count, rng)
        joined = {name: np.concatenate([array, best[name]]) for name, array in rows.items()}
        return joined, np.concatenate([weight, np.ones(count, np.float32)])

    def _learn_from(self, replay: Replay, memory: Memory, rng: np.random.Generator) -> list[dict[str, tf.Tensor]]:
        """A round's updates from what earlier rounds drew: none in the first round."""
        learned = []
        for _ in range(self._updates() if len(replay) else 0):
            at, rows, weight = replay.draw(self._config.tune.minibatch, rng)
            learned.append(self._update(*self._with_best(rows, weight, memory, rng)))
            replay.update(at, learned[-1]["td_error_by_sequence"].numpy()[: len(at)])
        return learned

    def _learn_from_best(self, memory: Memory, rng: np.random.Generator) -> list[dict[str, tf.Tensor]]:
        """A round's updates from the best alone."""
        count = self._config.tune.best_batch
        times = self._config.tune.best_updates if len(memory) else 0
        return [self._update(memory.draw(count, rng), np.ones(count, np.float32)) for _ in range(times)]

    def _update(self, rows: Arrays, weight: np.ndarray) -> dict[str, tf.Tensor]:
        longest, weight = rows["lengths"].max(), weight * rows.get("weight", np.float32(1))
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
            calls=self.calls.state(),
            memory=checkpoint.join(**{str(length): memory.state() for length, memory in self._memories.items()}),
            loop={
                "owed": np.array(self._owed), "tokens": np.array(self._tokens),
                **({} if self._config.tune.until is None else {"reached": np.array(self._reached)}),
            },
        )  # fmt: skip
        return Checkpoint(step, {"kind": "tuned", **checkpoint_meta(self._config, self._domain)}, arrays)

    def forms(self, *_: object) -> Forms:
        """What the arrays of a `snapshot` may be."""
        learner, settings = self.learner, self._config.tune
        scored = settings.rounds * (settings.batch + settings.offspring)
        length, tokens = self._domain.length, (0, self._domain.vocabulary.size - 1)
        found = {
            "reward/*": Form(f"{NUMBERS}S", None), "loop/tokens": Form("i", ()), "loop/reached": Form("b", ()),
            "loop/owed": Form("f", (), between=(0, settings.minibatch)),
            "calls/scored": at_most("u", scored), "calls/best": at_most("f", KEPT), "calls/area": Form("f", (2,)),
            "replay/*/priority": at_most("f", self._size, between=(0, 1e300)), "replay/*/next": Form("i", ()),
        }  # fmt: skip
        for network in ("prior", "online", "target"):
            found |= weights(network, {name: w.shape for name, w in getattr(learner, network).weights.items()})
        for i, v in enumerate(learner.optimizer.variables):
            found[f"optimizer/{i}"] = Form(np.dtype(v.dtype).kind, tuple(v.shape))
        for group, rows in (("replay/*/rows/", self._size), ("memory/*/", settings.best), ("best/", settings.best)):
            found |= {f"{group}{name}": at_most(NUMBERS, rows, length) for name in ("reward", "log_prior")}
            found |= {f"{group}{name}": at_most(NUMBERS, rows) for name in ("weight", "total", "key")}
            found[f"{group}primer"] = at_most("i", rows, self.primer.longest, between=tokens)
            found[f"{group}tokens"] = at_most("i", rows, length, between=tokens)
            found[f"{group}lengths"] = at_most("i", rows, between=(0, length))
        each = at_most(NUMBERS, settings.best)
        return found | {f"best/{name}": each for name in ("step", "log_prior", "log_prob", "component/*")}

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `snapshot`."""
        self.learner.prior.set(saved.group("prior"))
        self.learner.online.set(saved.group("online"))
        self.learner.target.set(saved.group("target"))
        for i, variable in enumerate(self.learner.optimizer.variables):
            variable.assign(saved.arrays[f"optimizer/{i}"])
        for length in {key.partition("/")[0] for key in saved.group("replay")}:
            self._replays[int(length)].restore(saved.group(f"replay/{length}"))
        for length in {key.partition("/")[0] for key in saved.group("memory")}:
            self._memories[int(length)].restore(saved.group(f"memory/{length}"))
        self._reward.restore(saved.group("reward"))
        self.best.restore(saved.group("best"))
        self.calls.restore(saved.group("calls"))
        self._ahead = None
        self._owed, self._tokens = float(saved.arrays["loop/owed"]), int(saved.arrays["loop/tokens"])
        self._reached = bool(saved.arrays.get("loop/reached", False))


def learning_rate(settings: TuneConfig, number: int) -> float:
    """The rate of round `number`: a linear warm-up, then linear from learning_rate to final_rate times it.

    The first steps of Adam have the size of the rate in every weight, however small and noisy the gradient; without a
    warm-up they carry the policy several nats a sequence away from the prior before anything is learned.
    """
    share = number / max(1, settings.rounds - 1)
    rise = min(1.0, (number + 1) / (settings.warmup + 1))
    return settings.learning_rate * rise * (1.0 - share * (1.0 - settings.final_rate))
