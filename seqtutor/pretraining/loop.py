"""Maximum likelihood: the prior is an RNN that predicts each token from all before it.

Loss = mean over tokens of -log p(a_t | a_1 .. a_{t-1}), in nats. All random numbers come from (seed, epoch),
so a run resumed from a checkpoint repeats the unbroken one to the bit.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqtutor.config import Config, to_tree
from seqtutor.data.batches import Batches
from seqtutor.data.corpus import Corpus, split
from seqtutor.errors import UserError
from seqtutor.pretraining.replicas import Replicas, every_device
from seqtutor.pretraining.trainer import Likelihood, Trainer
from seqtutor.runs import checkpoint
from seqtutor.runs.history import Clock, History
from seqtutor.runs.run_folder import RunFolder
from seqtutor.runs.tensorboard import TensorBoard
from seqtutor.system.files import write_text
from seqtutor.system.interrupt import Interrupt, stop
from seqtutor.system.progress import Progress
from seqtutor.system.tables import make_folder


def pretrain(
    config: Config, corpus: Corpus, run: RunFolder, resume: bool = False, quiet: bool = False,
    begin: Callable[[], object] = lambda: None,
) -> None:  # fmt: skip
    """Trains a prior on a corpus until the validation loss stops falling or the epochs are over.

    Writes history.csv, checkpoints (the best by validation loss is marked), samples of each validation, and
    at the end summary.json with the cross-entropy of the best weights on the test split. Of several workers (see
    seqtutor.pretraining.replicas) each calls this with the same arguments, and the chief alone writes.

    Args: begin: called by the chief when the run is sure to start, before anything is written.
    Raises:
      UserError: the training split is empty, or the workers were not started alike.
      ConnectionError: a worker is gone.
      KeyboardInterrupt: after Ctrl-C (or SIGTERM or SIGHUP) to any worker, once a checkpoint is written.
    """
    parts = split(corpus, config.data, config.seed)
    if not len(parts["train"]):
        raise UserError(f"no sequences to train on in {config.data.name}; lower data.validation and data.test")
    with every_device(quiet) as replicas:
        trainer = Trainer(config, corpus, parts, replicas)
        if resume and (saved := checkpoint.load_newest(run.checkpoints, expected=trainer.forms)):
            with checkpoint.must_fit(run.path):
                trainer.restore(saved)
        _refuse_other_work(replicas, config, corpus, trainer.step)
        if replicas.chief:
            begin()
        record = Recorder(run, trainer) if replicas.chief else None
        _train(trainer, replicas, record, quiet or not replicas.chief)
        if record:
            _summarise(trainer, run, config, corpus, parts)
        replicas.gather(0)  # none leaves before the chief is done


def _train(trainer: Trainer, replicas: Replicas, record: Recorder | None, quiet: bool) -> None:
    """Trains to the end. Raises KeyboardInterrupt as `pretrain` does."""
    with Interrupt() as interrupt, Progress(trainer.total_tokens, "token", quiet, trainer.tokens_seen) as progress:
        for tokens in trainer.steps():
            progress.advance(by=tokens)
            asked = int(replicas.gather(interrupt.number).max())
            if trainer.due():
                row = trainer.validate()
                if record:
                    record.add(row, progress)
            if record and (trainer.due() or asked):
                record.save()
            if asked:
                raise stop(asked, f"--resume continues after step {trainer.step}")


def _refuse_other_work(replicas: Replicas, config: Config, corpus: Corpus, step: int) -> None:
    """Raises UserError in every worker unless all of them have the same settings, data and checkpoint."""
    facts = json.dumps([to_tree(config), corpus.sha256, step], sort_keys=True)
    digest = int.from_bytes(hashlib.sha256(facts.encode()).digest()[:7], "big")
    if len(set(replicas.gather(digest))) > 1:
        raise UserError(
            "the workers were not started alike: give each the same config, options and data, "
            "and to resume a run folder that all of them see"
        )


class Recorder:
    """What a run leaves in its folder while it trains: history.csv, tensorboard, samples and checkpoints."""

    def __init__(self, run: RunFolder, trainer: Trainer):
        """Goes on from the step that the trainer is at: what the folder has of later ones is removed."""
        self._run, self._trainer, step = run, trainer, trainer.step
        if step:
            checkpoint.discard_after(run.checkpoints, step)
            if trainer.is_best():  # the run may have been killed before it was marked
                checkpoint.mark_best(run.checkpoints, step)
        self._clock = Clock(run.history_file, until=step)
        self._history, self._board = History(run.history_file, step), TensorBoard(run.path / "tensorboard", step)

    def add(self, row: dict[str, Any], progress: Progress) -> None:
        """Writes a row of history.csv as `Trainer.validate` makes it, and a few sequences; shows both."""
        row = {"step": row["step"], "seconds": self._clock.seconds(), **row}
        self._history.add(row)
        self._board.add(row, self._trainer.network.get())
        _show_samples(self._trainer, self._run, progress)
        progress.advance({"validation loss": row["validation_loss"]}, by=0)

    def save(self) -> None:
        """Writes a checkpoint."""
        checkpoint.save(self._run.checkpoints, self._trainer.snapshot(), best=self._trainer.is_best())


def _show_samples(trainer: Trainer, run: RunFolder, progress: Progress) -> None:
    """Draws a few sequences, shows them and writes them to samples/step-N.txt."""
    count = trainer.settings.samples
    if not count:
        return
    domain, rng = trainer.domain, np.random.default_rng([trainer.seed, 0x5A3, trainer.step])
    drawn = trainer.sampler.draw(rng.random((count, domain.length), np.float32), np.zeros((count, 0), np.int32))
    texts = [domain.decode(row[:n]) for row, n in zip(drawn.tokens, drawn.lengths, strict=True)]
    folder = make_folder(run.path / "samples")
    write_text(folder / f"step-{trainer.step:08d}.txt", "\n".join(texts) + "\n")
    for text in texts:
        progress.say(f"  {text}")


def _summarise(trainer: Trainer, run: RunFolder, config: Config, corpus: Corpus, parts: dict[str, np.ndarray]) -> None:
    """Judges the best weights on the test split and writes summary.json."""
    best = checkpoint.load_best(run.checkpoints, expected=trainer.forms)
    with checkpoint.must_fit(run.path):
        trainer.network.set(best.group("prior"))
    judged_by = "validation_loss" if len(parts["validation"]) else "loss"
    figures: dict[str, Any] = {"best_step": best.step, judged_by: trainer.best}
    batches = Batches(corpus, parts["test"], config.pretrain.batch, config.data.max_length, corpus.vocabulary.pad)
    if len(batches):
        loss = Likelihood(trainer.network, trainer.domain, lookahead=trainer.lookahead).mean(batches)
        figures |= {"test_loss": loss, "test_bits": loss / math.log(2), "test_perplexity": math.exp(loss)}
    write_text(run.path / "summary.json", json.dumps(figures, indent=1) + "\n")
