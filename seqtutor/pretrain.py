"""Maximum likelihood: the prior is an RNN that predicts each token from all before it.

Loss = mean over tokens of -log p(a_t | a_1 .. a_{t-1}), in nats. All random numbers come from (seed, epoch),
so a run resumed from a checkpoint repeats the unbroken one to the bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqtutor import checkpoint
from seqtutor.batches import Batches
from seqtutor.board import Board
from seqtutor.checkpoint import Checkpoint
from seqtutor.config import Config, PretrainConfig
from seqtutor.corpus import Corpus, split
from seqtutor.domains.base import Domain
from seqtutor.errors import UserError
from seqtutor.files import write_text
from seqtutor.interrupt import Interrupt
from seqtutor.load import describe
from seqtutor.model import SequenceModel, shift_right, side_by_side
from seqtutor.policy import Policy
from seqtutor.progress import Progress
from seqtutor.rollout import Sampler
from seqtutor.rundir import Clock, History, RunDir
from seqtutor.tables import make_folder


def pretrain(config: Config, corpus: Corpus, run: RunDir, resume: bool = False, quiet: bool = False) -> None:
    """Trains a prior on a corpus until the validation loss stops falling or the epochs are over.

    Writes history.csv, checkpoints (the best by validation loss is marked), samples of each validation, and
    at the end summary.json with the cross-entropy of the best weights on the test split.

    Raises:
      UserError: the training split is empty.
      KeyboardInterrupt: after Ctrl-C, once the step is finished and a checkpoint written.
    """
    parts = split(corpus, config.data, config.seed)
    if not len(parts["train"]):
        raise UserError(f"no sequences to train on in {config.data.name}; lower data.validation and data.test")
    trainer = Trainer(config, corpus, parts)
    if resume and (saved := checkpoint.load_newest(run.checkpoints)):
        with checkpoint.must_fit(run.path):
            trainer.restore(saved)
        checkpoint.discard_after(run.checkpoints, trainer.step)
        if trainer.is_best():  # the run may have been killed before it was marked
            checkpoint.mark_best(run.checkpoints, trainer.step)
    clock = Clock(run.history_file, until=trainer.step)
    history, board = History(run.history_file, trainer.step), Board(run.path / "tensorboard", trainer.step)
    with Interrupt() as interrupt, Progress(trainer.total_tokens, "token", quiet, trainer.tokens_seen) as progress:
        for tokens in trainer.steps():
            progress.advance(by=tokens)
            if not (trainer.due() or interrupt.asked):
                continue
            if trainer.due():
                row = trainer.validate()
                row = {"step": row["step"], "seconds": clock.seconds(), **row}
                history.add(row)
                board.add(row, trainer.network.get())
                _show_samples(trainer, run, progress)
                progress.advance({"validation loss": row["validation_loss"]}, by=0)
            checkpoint.save(run.checkpoints, trainer.snapshot(), best=trainer.is_best())
            if interrupt.asked:
                raise KeyboardInterrupt
    _summarise(trainer, run, config, corpus, parts)


class Trainer:
    """The state of one pretraining run: weights, optimizer, how far it is, and the best validation loss."""

    def __init__(self, config: Config, corpus: Corpus, parts: dict[str, np.ndarray]):
        self._config, self.domain, self.seed = config, corpus.domain, config.seed
        self.settings = config.pretrain
        pad = corpus.domain.vocabulary.pad
        self._train = Batches(corpus, parts["train"], self.settings.batch, config.data.max_length, pad)
        self._validation = Batches(corpus, parts["validation"], self.settings.batch, config.data.max_length, pad)
        self.network = SequenceModel(config.model, corpus.domain.vocabulary.size, config.seed)
        self.likelihood = Likelihood(self.network, corpus.domain)
        policy = Policy(self.network)
        self.sampler = Sampler(policy.step, policy.initial_state, self.domain.vocabulary, self.domain.length)
        self._optimizer = keras.optimizers.Adam(
            self.settings.learning_rate,
            global_clipnorm=self.settings.clip_norm,
            weight_decay=self.settings.weight_decay or None,
        )
        self._optimizer.build(self.network.variables)
        specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
        self._update = tf.function(self._update_graph, autograph=False, input_signature=specs)
        self.total_steps = max(1, round(self.settings.epochs * len(self._train)))
        self.total_tokens = round(self.settings.epochs * self._train.tokens)
        self.step, self.tokens_seen = 0, 0
        self.best, self._best_step, self._losses = math.inf, 0, []

    def steps(self) -> Iterator[int]:
        """Trains step by step from where it is until it is over; yields the number of tokens of each."""
        per_epoch = len(self._train)
        while not self.over():
            epoch = self.step // per_epoch
            rng = np.random.default_rng([self._config.seed, 0xE70C, epoch])
            for tokens, lengths in self._train.epoch(rng, start=self.step % per_epoch):
                self._optimizer.learning_rate = learning_rate(self.settings, self.step, self.total_steps)
                self._losses.append(self._update(tokens, lengths))
                count = int(lengths.sum())
                self.step, self.tokens_seen = self.step + 1, self.tokens_seen + count
                yield count
                if self.over():
                    return

    def _update_graph(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            total, count = self.likelihood.sums(tokens, lengths)
            loss = total / count
        gradients = tape.gradient(loss, self.network.variables, unconnected_gradients="zero")
        self._optimizer.apply(gradients, self.network.variables)
        return loss

    def due(self) -> bool:
        """Whether it is time to validate."""
        return self.step % self.settings.evaluate_every == 0 or self.step == self.total_steps

    def validate(self) -> dict[str, Any]:
        """A row of history.csv: the mean training loss since the last one, and the validation loss."""
        if not all(math.isfinite(loss) for loss in self._losses):
            raise UserError("training diverged: the loss is not finite; lower pretrain.learning_rate")
        loss = self.likelihood.mean(self._validation) if len(self._validation) else float("nan")
        judged = loss if len(self._validation) else float(np.mean(self._losses))
        if judged < self.best:
            self.best, self._best_step = judged, self.step
        row = {
            "step": self.step, "epoch": self.step / len(self._train), "tokens": self.tokens_seen,
            "loss": float(np.mean(self._losses)),
            "validation_loss": loss, "validation_bits": loss / math.log(2), "validation_perplexity": math.exp(loss),
            "learning_rate": learning_rate(self.settings, self.step, self.total_steps),
        }  # fmt: skip
        self._losses = []
        return row

    def is_best(self) -> bool:
        """Whether the newest validation was the best one so far."""
        return self._best_step == self.step

    def over(self) -> bool:
        """Whether the epochs are over, or as many validations as `patience` have passed without a better loss."""
        waited = self.step - self._best_step
        return self.step >= self.total_steps or waited >= self.settings.patience * self.settings.evaluate_every

    def snapshot(self) -> Checkpoint:
        """Everything a resumed run needs."""
        optimizer = {str(i): v.numpy() for i, v in enumerate(self._optimizer.variables)}
        loop = {
            "best": np.array(self.best), "best_step": np.array(self._best_step), "tokens": np.array(self.tokens_seen),
            "losses": np.array([float(x) for x in self._losses], np.float32),
        }  # fmt: skip
        arrays = checkpoint.join(prior=self.network.get(), optimizer=optimizer, loop=loop)
        return Checkpoint(self.step, {"kind": "prior", **describe(self._config, self.domain)}, arrays)

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `snapshot`."""
        self.network.set(saved.group("prior"))
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(saved.arrays[f"optimizer/{i}"])
        self.step, loop = saved.step, saved.group("loop")
        self.tokens_seen, self._losses = int(loop["tokens"]), list(loop["losses"])
        self.best, self._best_step = float(loop["best"]), int(loop["best_step"])


class Likelihood:
    """The mean cross-entropy a token of a network over batches, in nats."""

    def __init__(self, network: SequenceModel, domain: Domain):
        self._network, self._begin = network, domain.vocabulary.begin
        specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
        self._sums = tf.function(self.sums, autograph=False, input_signature=specs)

    def sums(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sum of -log p over the tokens that count, and how many they are; tokens [B, T], lengths [B]."""
        (each,) = side_by_side(self._each, tokens)
        mask = tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)
        return tf.reduce_sum(each * mask), tf.reduce_sum(mask)

    def _each(self, tokens: tf.Tensor) -> list[tf.Tensor]:
        logits = self._network.unroll(shift_right(tokens, self._begin)).logits
        return [tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=logits)]

    def mean(self, batches: Batches) -> float:
        """The mean over every token of the batches."""
        total = np.sum([[float(x) for x in self._sums(tokens, lengths)] for tokens, lengths in batches.fixed()], axis=0)
        return float(total[0] / total[1])


def learning_rate(settings: PretrainConfig, step: int, total: int) -> float:
    """Linear warm-up, then a half cosine from learning_rate down to a hundredth of it at the last step."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    share = (step - settings.warmup) / max(1, total - settings.warmup)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def _show_samples(trainer: Trainer, run: RunDir, progress: Progress) -> None:
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


def _summarise(trainer: Trainer, run: RunDir, config: Config, corpus: Corpus, parts: dict[str, np.ndarray]) -> None:
    """Judges the best weights on the test split and writes summary.json."""
    best = checkpoint.load_best(run.checkpoints)
    with checkpoint.must_fit(run.path):
        trainer.network.set(best.group("prior"))
    judged_by = "validation_loss" if len(parts["validation"]) else "loss"
    figures: dict[str, Any] = {"best_step": best.step, judged_by: trainer.best}
    batches = Batches(corpus, parts["test"], config.pretrain.batch, config.data.max_length, corpus.vocabulary.pad)
    if len(batches):
        loss = trainer.likelihood.mean(batches)
        figures |= {"test_loss": loss, "test_bits": loss / math.log(2), "test_perplexity": math.exp(loss)}
    write_text(run.path / "summary.json", json.dumps(figures, indent=1) + "\n")
