"""A run's policy as a TensorFlow SavedModel, for programs without seqtutor; docs/export.md is its manual."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Exploration, pick
from seqtutor.runs.run import Run
from seqtutor.system import temporary
from seqtutor.system.files import writing
from seqtutor.system.tables import make_folder
from seqtutor.system.versions import versions

ABOUT = Path("assets.extra", "seqtutor.json")  # a SavedModel keeps assets.extra for what its loader need not know
CONTENTS = {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}  # of a SavedModel's folder

Tensors = dict[str, tf.Tensor]


def export(run: Run, folder: Path) -> None:
    """Writes a SavedModel with the signatures of `Exported`, and what `about` says as JSON in ABOUT.

    The folder is whole or not there; what is in it is replaced. Raises UserError if it cannot be written to.
    """
    module, folder = Exported(run.policy, run.domain.vocabulary), folder.resolve()
    make_folder(folder.parent)
    with writing(folder), temporary.folder_beside(folder) as hidden:
        make_folder(hidden / ABOUT.parent)
        tf.saved_model.save(module, str(hidden), module.signatures())
        (hidden / ABOUT).write_text(json.dumps(about(run, module.state_size), indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(hidden, folder)


def check_place(folder: Path, force: bool) -> None:
    """Raises UserError unless `export` may write there: the folder is new or empty or, with force, a SavedModel."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; choose another --out")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if names and not force:
        raise UserError(f"{folder} is not empty; use --force or another --out")
    if names and ("saved_model.pb" not in names or names - CONTENTS):
        raise UserError(f"{folder} holds more than a SavedModel, which --force would delete; choose another --out")


def about(run: Run, state_size: int) -> dict[str, Any]:
    """What a program must know to feed the signatures and to read what they give, and where the model came from."""
    vocabulary, tune = run.domain.vocabulary, run.config.tune
    tuned = {} if run.policy.tuned is None else {"variant": tune.variant, "c": tune.c, "reward": tune.reward}
    return {
        "run": run.name, "step": run.step, "kind": "tuned" if tuned else "prior", **tuned,
        "domain": run.domain.name, "options": run.domain.options, "length": run.domain.length, "primer": run.primer,
        "random_primers": run.domain.random_primers().tolist(), "state_size": state_size,
        "begin": vocabulary.begin, "end": vocabulary.end, "pad": vocabulary.pad, "symbols": list(vocabulary.symbols),
        "versions": versions(),
    }  # fmt: skip


class Exported(tf.Module):
    """A policy as functions of tensors, the signatures of the SavedModel. All log-probabilities are in nats.

    A state is one tensor here, float32 [B, S] with S = state_size: what both networks hold, and what the policy is told
    of the next token, side by side. The state before any input is zeros.
    """

    def __init__(self, policy: Policy, vocabulary: Vocabulary):
        super().__init__()
        self._policy, self._vocabulary = policy, vocabulary
        self._sizes = [part.shape[1] for part in policy.initial_state(0)]
        networks = [policy.prior] if policy.tuned is None else [policy.prior, policy.tuned]
        self._weights = [network.variables for network in networks]  # where tf.Module finds what to save

    @property
    def state_size(self) -> int:
        """S, the numbers of a state."""
        return sum(self._sizes)

    def signatures(self) -> dict[str, Callable[..., Tensors]]:
        """Every function with the shapes and the names of its arguments."""

        def graph(function: Callable[..., Tensors], **arguments: tuple[Sequence[int | None], tf.DType]) -> Any:
            specs = [tf.TensorSpec(shape, kind, name) for name, (shape, kind) in arguments.items()]
            return tf.function(function, input_signature=specs, autograph=False)

        rows, ids, temperature = ([None], tf.int32), ([None, None], tf.int32), ((), tf.float32)
        state, uniforms = ([None, self.state_size], tf.float32), ([None, None], tf.float32)
        return {
            "step": graph(self.step, tokens=rows, state=state),
            "log_prob": graph(self.log_prob, tokens=ids, lengths=rows, primers=ids),
            "sample": graph(self.sample, uniforms=uniforms, primers=ids, temperature=temperature),
        }

    def step(self, tokens: tf.Tensor, state: tf.Tensor) -> Tensors:
        """One token further: tokens int32 [B], state [B, S].

        Returns log_probs and log_priors [B, A], log pi and log p of every next token, and the state after it [B, S].
        Every token but begin counts as one of the sequence.
        """
        parts = tuple(tf.split(state, self._sizes, axis=1))
        begins, after = (tokens == self._vocabulary.begin)[:, None], self._policy.advance(tokens, parts)
        parts = tuple(tf.where(begins, *pair) for pair in zip(parts, after, strict=True))
        logits, prior, _, parts = self._policy.read(tokens, parts)
        return {
            "log_probs": tf.nn.log_softmax(logits),
            "log_priors": tf.nn.log_softmax(prior),
            "state": tf.concat(parts, axis=1),
        }

    def log_prob(self, tokens: tf.Tensor, lengths: tf.Tensor, primers: tf.Tensor) -> Tensors:
        """Judges sequences: tokens int32 [B, T], lengths int32 [B], primers int32 [B, P] that come before them.

        Returns log_prob and log_prior [B, T]: log pi(a_t | primer, a_1 .. a_{t-1}) and log p of it, 0 after lengths.
        """
        counts = tf.sequence_mask(lengths, tf.shape(tokens)[1])
        tokens = tf.where(counts, tokens, self._vocabulary.pad)
        log_prob, log_prior = (tf.where(counts, value, 0.0) for value in self._taken(tokens, primers))
        return {"log_prob": log_prob, "log_prior": log_prior}

    def sample(self, uniforms: tf.Tensor, primers: tf.Tensor, temperature: tf.Tensor) -> Tensors:
        """Draws sequences of at most T tokens: uniforms [N, T] in [0, 1), primers int32 [N, P], temperature > 0.

        A token is the first a with u < sum_{b <= a} softmax(log pi / temperature)(b). Returns tokens int32 [N, T],
        pad after their end, and lengths int32 [N], the end token included; the primers are not part of either.
        """
        vocabulary = self._vocabulary
        n, length = tf.unstack(tf.shape(uniforms))
        columns, exploration = tf.transpose(uniforms), Exploration(temperature)

        def body(t, going, lengths, drawn, logits, *state):
            token = tf.where(
                going, pick(exploration.probabilities(logits), columns[t], self._policy.allowed), vocabulary.pad
            )
            lengths += tf.cast(going, tf.int32)
            if vocabulary.end is not None:
                going &= token != vocabulary.end
            logits, _, _, state = self._policy.step(token, state)
            return t + 1, going, lengths, drawn.write(t, token), logits, *state

        def unfinished(t, going, *_):
            return (t < length) & tf.reduce_any(going)

        logits, _, _, state = self._policy.start(self._before(primers))
        drawn = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[None])
        loop = (tf.constant(0), tf.fill([n], True), tf.zeros([n], tf.int32), drawn, logits, *state)
        t, _, lengths, drawn, *_ = tf.while_loop(unfinished, body, loop)
        rest = tf.fill([n, length - t], vocabulary.pad)
        return {"tokens": tf.concat([tf.transpose(drawn.stack()), rest], axis=1), "lengths": lengths}

    def _before(self, primers: tf.Tensor) -> tf.Tensor:
        """Begin and primers, [B, 1 + P]."""
        return tf.pad(primers, [[0, 0], [1, 0]], constant_values=self._vocabulary.begin)

    def _taken(self, tokens: tf.Tensor, primers: tf.Tensor) -> list[tf.Tensor]:
        """log pi and log p of tokens [B, T] after primers [B, P], both [B, T].

        A loop of steps, not the networks' `unroll`: TensorFlow cannot save the gradient that is written out there.
        """
        length, by_time = tf.shape(tokens)[1], tf.transpose(tokens)
        arrays = [tf.TensorArray(tf.float32, length, element_shape=[None]) for _ in range(2)]

        def body(t, arrays, both, state):
            taken = (tf.gather(tf.nn.log_softmax(logits), by_time[t], batch_dims=1) for logits in both)
            arrays = [array.write(t, value) for array, value in zip(arrays, taken, strict=True)]
            *both, _, state = self._policy.step(by_time[t], state)
            return t + 1, arrays, both, state

        *both, _, state = self._policy.start(self._before(primers))
        _, arrays, *_ = tf.while_loop(lambda t, *_: t < length, body, (tf.constant(0), arrays, both, state))
        return [tf.transpose(array.stack()) for array in arrays]
