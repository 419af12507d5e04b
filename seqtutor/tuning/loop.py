"""KL-control tuning: have a batch scored, meanwhile learn from the replay and draw the next one, then store it; again.

So a batch is first learned from in the round after its own, except on-policy, where learning waits for the scores
and drawing for the learning. A batch is of the same weights and random numbers whenever it is drawn, so none is saved.
The state after a round is the weights, the optimizer, the replay, the best sequences so far and what the reward
remembers; all random numbers of a round come from (seed, round). So a run resumed from a checkpoint repeats the
unbroken one to the bit.
"""

from __future__ import annotations

import contextlib
import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.config import Config
from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Reward
from seqtutor.errors import Diverged, UserError
from seqtutor.kl_control.optimum import collapse
from seqtutor.reading.rejections import write_rejected
from seqtutor.runs import checkpoint
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.history import Clock, History
from seqtutor.runs.run import Run, load_run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.runs.tensorboard import TensorBoard
from seqtutor.system.input_files import open_text
from seqtutor.system.interrupt import Interrupt, stop
from seqtutor.system.progress import LOG, Progress
from seqtutor.tuning.best_sequences import NAME
from seqtutor.tuning.tuner import Tuner

LOST = 5.0  # seconds of finished rounds that a reward which fails may cost; to keep a state takes hundredths of one


def tune(
    config: Config, prior: Run, reward: Reward, run: RunFolder, resume: bool = False, quiet: bool = False,
    begin: Callable[[], object] = lambda: None,
) -> None:  # fmt: skip
    """Tunes a policy from a prior and writes history and checkpoints into the run's folder.

    Args:
      config: resolved; its domain and model sections are the prior's.
      reward: scores sequences; see seqtutor.domains.reward_spec.
      resume: continue from the newest whole checkpoint, if there is one.
      begin: called when the run is sure to start, before anything is written.
    Raises:
      KeyboardInterrupt: after Ctrl-C (or SIGTERM or SIGHUP), once the round is finished and a checkpoint written.
      Diverged: the loss is no longer finite.
      UserError: the reward fails; a checkpoint then holds what was done at most some seconds before that round.
    """
    tuner = Tuner(config, prior.domain, prior.policy.prior, reward)
    if config.tune.initial:
        tuner.begin_with(load_run(Path(config.tune.initial)))
    begin()
    write_rejected(run.path, tuner.primer.rejected)
    done = _restore(tuner, run) if resume else 0
    clock = Clock(run.history_file, until=done)
    history, board = History(run.history_file, done), TensorBoard(run.path / "tensorboard", done)
    budget, called = config.tune.calls, len(tuner.calls)
    bar = Progress(budget, "call", quiet, called) if budget else Progress(config.tune.rounds, "round", quiet, done)
    saver = _Saver(tuner, prior.domain, run)
    with Interrupt() as interrupt, bar as progress:
        for number in range(done, config.tune.rounds):
            if tuner.over:  # a run is resumed that had ended
                break
            with saver.where_it_fails():
                row, distributions = tuner.round(number)
            row = {"step": row["step"], "seconds": clock.seconds(), **row}
            history.add(row)
            if number == 0:
                warn_of_weak_rewards(distributions["sequence_reward"], config.tune.c)
            figures = {"reward": row["reward"], "KL": row["kl_sequence"], "objective": row["objective"]}
            progress.advance(figures, len(tuner.calls) - called if budget else 1)
            called = len(tuner.calls)
            last = number + 1 == config.tune.rounds or tuner.over
            due = last or interrupt.asked or (number + 1) % config.tune.evaluate_every == 0
            board.add(row, distributions)
            saver.after(number + 1, due)
            if last:
                warn_of_until(row["reward"], config.tune.until)
                warn_of_collapse(row, first_distinct(run.history_file), config.tune.c)
            if interrupt.asked:
                raise stop(interrupt.number, f"--resume continues after round {number + 1}")


class _Saver:
    """Writes checkpoints: those that are due, and where a round fails, one of the state before it or shortly before.

    A round that has failed has changed weights and replay already, so the state of earlier is kept in memory.
    """

    def __init__(self, tuner: Tuner, domain: Domain, run: RunFolder):
        self._tuner, self._domain, self._run = tuner, domain, run
        self._kept: Checkpoint | None = None
        self._since = time.monotonic()

    def after(self, step: int, due: bool) -> None:
        """After `step` rounds: saves the state if a checkpoint is due, or keeps it if the last is not of just now."""
        if due:
            self._save(self._tuner.snapshot(step))
            self._kept = None
        elif time.monotonic() - self._since < LOST:
            return
        else:
            now = self._tuner.snapshot(step)
            self._kept = replace(now, arrays={name: array.copy() for name, array in now.arrays.items()})
        self._since = time.monotonic()

    @contextlib.contextmanager
    def where_it_fails(self) -> Iterator[None]:
        """A round within it that fails leaves a checkpoint of what was kept. What has diverged needs none."""
        try:
            yield
        except Diverged:
            raise
        except Exception as error:
            if self._kept is None:
                raise
            self._save(self._kept)
            if not isinstance(error, UserError):
                raise
            raise UserError(f"{error}; --resume continues after round {self._kept.step}") from error

    def _save(self, state: Checkpoint) -> None:
        best = self._tuner.best
        if len(best):  # before the checkpoint: a run killed between the two writes it again
            best.write(self._run.path / NAME, self._domain)
        checkpoint.save(self._run.checkpoints, state)


def _restore(tuner: Tuner, run: RunFolder) -> int:
    """Continues from the newest whole checkpoint, if there is one; returns the rounds that are done."""
    saved = checkpoint.load_newest(run.checkpoints, expected=tuner.forms)
    if saved is None:
        return 0
    with checkpoint.must_fit(run.path):
        tuner.restore(saved)
    checkpoint.discard_after(run.checkpoints, saved.step)
    return saved.step


def first_distinct(history: Path) -> float:
    """The share of distinct sequences in the first round, which has learned nothing; nan where it cannot be read."""
    with contextlib.suppress(OSError, StopIteration, KeyError, ValueError), open_text(history) as file:
        return float(next(csv.DictReader(file))["distinct"])
    return math.nan


def warn_of_weak_rewards(rewards: np.ndarray, c: float) -> None:
    """Says so where the rewards [N] of the prior's sequences, r / c, are less than a nat apart: all keep their odds."""
    span = float(np.ptp(rewards))
    if span < c:
        LOG.warning(
            f"the rewards of the first round are {span:.3g} apart, {span / c:.3g} nats at c = {c:g}: too little to "
            "move the policy; lower tune.c (for scores of 0 to 1 see the preset molecules-few-calls)"
        )


def warn_of_until(reward: float, until: float | None) -> None:
    """Says so where a run has ended whose last round did not come to tune.until."""
    if until is not None and reward < until:
        LOG.warning(f"the mean reward of the last round is {reward:.4g}: tune.until {until:g} was not reached")


def warn_of_collapse(row: Mapping[str, Any], prior_distinct: float, c: float) -> None:
    """Says so where a policy has collapsed to a few sequences: see `collapse`."""
    if found := collapse(row["distinct"], prior_distinct, row["entropy"]):
        LOG.warning(f"the policy has collapsed: {found}. With c = {c:g} few sequences are the optimum; raise tune.c")
