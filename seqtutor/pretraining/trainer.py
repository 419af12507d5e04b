"""The state of one pretraining run and its one operation, a step; and the likelihood of sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqtutor.config import Config, PretrainConfig
from seqtutor.data.batches import Batches
from seqtutor.data.corpus import Corpus
from seqtutor.domains.base import Domain
from seqtutor.domains.lookahead import Lookahead
from seqtutor.errors import UserError
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Sampler
from seqtutor.policy.seen import Teller
from seqtutor.policy.sequence_model import SequenceModel, shift_right, side_by_side
from seqtutor.pretraining.replicas import Replicas
from seqtutor.runs import checkpoint, lookaheads
from seqtutor.runs.array_forms import Form, Forms, at_most, weights
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.run import checkpoint_meta

SCALE = 1024.0  # times the loss, so that float16 holds its gradients (Micikevicius et al. 2018, sec. 3.2)


class Trainer:
    """The state of one pretraining run: weights, optimizer, how far it is, and the best validation loss."""

    def __init__(self, config: Config, corpus: Corpus, parts: dict[str, np.ndarray], replicas: Replicas | None = None):
        self._config, self.domain, self.seed = config, corpus.domain, config.seed
        self.settings = config.pretrain
        pad = corpus.domain.vocabulary.pad
        self._train = Batches(corpus, parts["train"], self.settings.batch, config.data.max_length, pad)
        self._validation = Batches(corpus, parts["validation"], self.settings.batch, config.data.max_length, pad)
        self.network, self.lookahead = _network(config, self.domain)
        self._replicas = replicas or Replicas()
        self.likelihood = Likelihood(self.network, corpus.domain, self._replicas, self.lookahead)
        policy = Policy(self.network, lookahead=self.lookahead)
        self.sampler = Sampler(policy, self.domain.vocabulary, self.domain.length)
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
        self.best, self._best_step = math.inf, 0
        self._losses: list[tf.Tensor | float] = []  # of the steps since the last validation

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
        count = tf.cast(tf.reduce_sum(lengths), tf.float32)  # of the whole batch, whichever replica has which part
        scale = 1.0 if self.network.precision == tf.float32 else SCALE

        def part(tokens: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                loss = self.likelihood.sums(tokens, lengths)[0] / count
                scaled = loss * scale
            return loss, tape.gradient(scaled, self.network.variables, unconnected_gradients="zero")

        loss, gradients = self._replicas.sum(part, tokens, lengths)
        if scale != 1.0:
            gradients = _unscaled(gradients, scale)
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
        return Checkpoint(self.step, {"kind": "prior", **checkpoint_meta(self._config, self.domain)}, arrays)

    def forms(self, *_: object) -> Forms:
        """What the arrays of a `snapshot` may be."""
        kept = self._optimizer.variables
        return {
            **weights("prior", {name: weight.shape for name, weight in self.network.weights.items()}),
            **{f"optimizer/{i}": Form(np.dtype(v.dtype).kind, tuple(v.shape)) for i, v in enumerate(kept)},
            "loop/best": Form("f", ()), "loop/best_step": Form("i", ()), "loop/tokens": Form("i", ()),
            "loop/losses": at_most("f", self.settings.evaluate_every),
        }  # fmt: skip

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `snapshot`."""
        self.network.set(saved.group("prior"))
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(saved.arrays[f"optimizer/{i}"])
        self.step, loop = saved.step, saved.group("loop")
        self.tokens_seen, self._losses = int(loop["tokens"]), list(loop["losses"])
        self.best, self._best_step = float(loop["best"]), int(loop["best_step"])


def _network(config: Config, domain: Domain) -> tuple[SequenceModel, Lookahead | None]:
    """A network with fresh weights, and what it is told. Raises UserError if it is to be told what is not known."""
    lookahead = lookaheads.of_prior(config, domain)
    if lookahead is not None and config.data.max_length < domain.length:
        raise UserError(
            f"model.lookahead: longer sequences are cut at data.max_length, {config.data.max_length}, and nothing is "
            f"known of the rest; give it domain.length, {domain.length}, or more"
        )
    features = 0 if lookahead is None else lookahead.width
    network = SequenceModel(config.model, domain.vocabulary.size, config.seed, features)
    network.precision = tf.float16 if config.pretrain.precision == "mixed_float16" else tf.float32
    return network, lookahead


class Likelihood:
    """The mean cross-entropy a token of a network over batches, in nats."""

    def __init__(
        self, network: SequenceModel, domain: Domain, replicas: Replicas | None = None,
        lookahead: Lookahead | None = None,
    ):  # fmt: skip
        self._network, self._begin, self._seen = network, domain.vocabulary.begin, Teller(lookahead)
        specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
        summed = partial((replicas or Replicas()).sum, self.sums)
        self._sums = tf.function(summed, autograph=False, input_signature=specs)

    def sums(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sum of -log p over the tokens that count, and how many they are; tokens [B, T], lengths [B]."""
        seen = self._seen(tokens)
        (each,) = side_by_side(self._each, tokens, *([] if seen is None else [seen.features]))
        mask = tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)
        return tf.reduce_sum(each * mask), tf.reduce_sum(mask)

    def _each(self, tokens: tf.Tensor, features: tf.Tensor | None = None) -> list[tf.Tensor]:
        logits = self._network.unroll(shift_right(tokens, self._begin), features=features).logits
        return [tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=logits)]

    def mean(self, batches: Batches) -> float:
        """The mean over every token of the batches."""
        total = np.sum([[float(x) for x in self._sums(tokens, lengths)] for tokens, lengths in batches.fixed()], axis=0)
        return float(total[0] / total[1])


def _unscaled(gradients: list[tf.Tensor], scale: float) -> list[tf.Tensor]:
    """Gradients of the loss from those of `scale` times it; all 0 where one of them is more than float16 holds."""
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    return [tf.where(finite, gradient / scale, 0.0) for gradient in gradients]


def learning_rate(settings: PretrainConfig, step: int, total: int) -> float:
    """Linear warm-up, then a half cosine from learning_rate down to a hundredth of it at the last step."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    share = (step - settings.warmup) / max(1, total - settings.warmup)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
