#!/usr/bin/env python3
"""Three traits of the published program (Magenta's RL Tuner), each put back into seqtutor's learner by itself.

usage: python scripts/ablations.py NAME tune|sweep ...    the rest as for seqtutor

    stored-states   single transitions with recurrent states stored when they were drawn, learned from one step deep
    bootstrap       the target of the last token looks across the end of the composition
    prior-logits    G starts as the prior's logits, and so its policy as p^2, not as p

The product has no option for these. Here each is a subclass that stands in for one of `seqtutor.tuning`; settings,
seeds, and the number of transitions learned from are as without.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from unittest import mock

import numpy as np
import tensorflow as tf

from seqtutor.cli.main import run
from seqtutor.kl_control.losses import LossOutput
from seqtutor.kl_control.targets import td_loss
from seqtutor.policy.sequence_model import Scores, SequenceModel, shift_right
from seqtutor.tuning import loop, tuner
from seqtutor.tuning.learner import Learner
from seqtutor.tuning.replay import Arrays, Replay


class BootstrapLearner(Learner):
    """The value after the last token counts, as if the composition went on.

    The published program stores (s, a, r, s') for every note of a composition, the last one as well, and no mark that
    it ends there; its target is r + g V-(s') throughout, s' having read the last note. So here: discount everywhere.
    """

    def loss(self, tokens, mask, primer, reward, log_prior, weight) -> LossOutput:
        """As Learner's for action values, with all states from the first to the one after the last token."""
        begin = shift_right(tokens, self._begin, primer)
        inputs, before = tf.concat([begin, tokens[:, -1:]], axis=1), tf.shape(primer)[1]
        online, slow = (_from(before, network.unroll(inputs)) for network in (self.online, self.target))
        now = Scores(online.logits[:, :-1], online.value[:, :-1])
        return action_value_loss(self, now, slow, tokens, mask, reward, log_prior, weight)


class StoredStatesLearner(Learner):
    """Each transition is learned from by itself: one step of the cell, from the state stored when it was drawn.

    The published program puts (o, state, a, r, o', state') of the Q network into its replay at every note, and learns
    from random ones: the Q network reads o from the stored state, its target network o' from state'; the gradient
    ends at the stored state, which comes from older weights the longer it lies there. Here the replay still draws
    whole sequences, so that the same transitions are learned from as without, but states and gradients are like that.
    """

    drawn: Arrays  # what the replay gave last, states with it

    def __init__(self, variant, prior, *args, **more):
        super().__init__(variant, prior, *args, **more)
        self._drawing = SequenceModel(prior.config, prior.actions)
        self.note_weights()

    def note_weights(self) -> None:
        """Keeps the online network as it is before a round moves it: the round's batch is drawn with it."""
        self._drawing.set(self.online.get())

    def update(self, tokens, lengths, primer, reward, log_prior, weight) -> dict[str, tf.Tensor]:
        """As Learner's. What is learned from must be what the replay drew last."""
        assert np.array_equal(tokens, self.drawn["tokens"][:, : tokens.shape[1]])
        states = self.drawn["states"][:, : primer.shape[1] + tokens.shape[1]]
        return self._learn(tokens, lengths, primer, reward, log_prior, weight, states)

    @tf.function(autograph=False, reduce_retracing=True)
    def _learn(self, tokens, lengths, primer, reward, log_prior, weight, states):
        self._states = states
        return self._update_graph(tokens, lengths, primer, reward, log_prior, weight)

    def loss(self, tokens, mask, primer, reward, log_prior, weight) -> LossOutput:
        """As Learner's for action values; states [B, P + T, S] are in self._states.

        The state after the last token is not stored and not needed, for the value there is 0.
        """
        inputs, before = shift_right(tokens, self._begin, primer), tf.shape(primer)[1]
        online, slow = (
            _from(before, one_step(network, inputs, self._states)) for network in (self.online, self.target)
        )
        ends = Scores(*(tf.concat([part, tf.zeros_like(part[:, -1:])], axis=1) for part in slow))
        return action_value_loss(self, online, ends, tokens, mask, reward, log_prior, weight, ends_at_last=True)

    def states(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """The state before each input is read by the weights noted last, float32 [N, P + T, S], S all its numbers."""
        return self._states_before(rows["tokens"], rows["primer"]).numpy()

    @tf.function(autograph=False)
    def _states_before(self, tokens, primer):
        inputs = shift_right(tokens, self._begin, primer)
        state, before = self._drawing.initial_state(tf.shape(inputs)[0]), []
        for t in range(inputs.shape[1]):
            before.append(tf.concat(state, axis=1))
            _, state = self._drawing.step(inputs[:, t], state)
        return tf.stack(before, axis=1)


class StoredStates(Replay):
    """A replay that takes the states of drawing down with every sequence that enters it."""

    def __init__(self, size: int, alpha: float, learner: StoredStatesLearner):
        super().__init__(size, alpha)
        self._learner = learner

    def add(self, rows: Mapping[str, np.ndarray]) -> None:
        """As Replay's; rows of a checkpoint have their states."""
        super().add(rows if "states" in rows else {**rows, "states": self._learner.states(rows)})

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Arrays, np.ndarray]:
        """As Replay's; the learner sees what was drawn."""
        at, self._learner.drawn, weight = super().draw(n, rng)
        return at, self._learner.drawn, weight


class StoredStatesTuner(tuner.Tuner):
    """A tuner with such replays."""

    def __init__(self, config, domain, prior, reward):
        super().__init__(config, domain, prior, reward)
        self._replays = defaultdict(lambda: StoredStates(config.tune.buffer, config.tune.priority, self.learner))

    def round(self, number: int):
        """As Tuner's, which may learn before the round's sequences enter the replay."""
        self.learner.note_weights()
        return super().round(number)


class PriorLogitsLearner(Learner):
    """G starts as the prior's logits.

    The published program starts its networks from the prior's weights for every algorithm, and for G draws from
    softmax(log p + G): at the start that is p^2, normalised in each state.
    """

    def __init__(self, variant, prior, *args, **more):
        super().__init__(variant, prior, *args, **more)
        for network in (self.online, self.target):
            network.set(network.get() | prior.get())


def action_value_loss(learner, online, slow, tokens, mask, reward, log_prior, weight, ends_at_last=False) -> LossOutput:
    """Huber's loss of action values against the variant's one-step target.

    Args: online: Scores of s_1 .. s_T; slow: those of the target network in s_1 .. s_{T + 1}; ends_at_last: the value
    after the last token is 0.
    """
    variant, config = learner._variant, learner._config
    if variant.adds_to_prior or variant.loss or config.trace or config.lookahead:
        raise ValueError("this ablation is of q, psi and rl-only, with tune.trace = 0 and no tune.lookahead")
    q, slow_q = (variant.action_values(of.logits, config.value_scale * of.value) for of in (online, slow))
    goes_on = tf.concat([mask[:, 1:], tf.zeros_like(mask[:, :1])], axis=1) if ends_at_last else mask
    target = variant.target(reward / config.c, log_prior, slow_q[:, 1:], None, config.discount * goes_on)
    return td_loss(tf.gather(q, tokens, batch_dims=2), target, mask, weight, config.huber)


def one_step(network: SequenceModel, inputs: tf.Tensor, states: tf.Tensor) -> Scores:
    """Scores after each of inputs [B, P + T], each read by itself from its state, states [B, P + T, S]."""
    sizes = [part.shape[1] for part in network.initial_state(1)]
    state = tf.split(tf.reshape(states, [-1, states.shape[2]]), sizes, axis=1)
    stepping = copy.copy(network)
    stepping.weights = {name: _dense(tf.convert_to_tensor(weight)) for name, weight in network.weights.items()}
    scores, _ = stepping.step(tf.reshape(inputs, [-1]), tuple(state))
    shape = tf.shape(inputs)
    return Scores(tf.reshape(scores.logits, [shape[0], shape[1], network.actions]), tf.reshape(scores.value, shape))


@tf.custom_gradient
def _dense(weight: tf.Tensor):
    """The same. `step` looks rows of a weight up, whose gradient has a row for each; the norm of those is another."""
    return tf.identity(weight), tf.convert_to_tensor


def _from(before: tf.Tensor, scores: Scores) -> Scores:
    return Scores(scores.logits[:, before:], scores.value[:, before:])


# The learner and the tuner of each ablation.
ABLATIONS = {
    "stored-states": (StoredStatesLearner, StoredStatesTuner),
    "bootstrap": (BootstrapLearner, tuner.Tuner),
    "prior-logits": (PriorLogitsLearner, tuner.Tuner),
}


@contextlib.contextmanager
def applied(name: str) -> Iterator[None]:
    """Tuning within is ablated."""
    learner, whole = ABLATIONS[name]
    with mock.patch.object(tuner, "Learner", learner), mock.patch.object(loop, "Tuner", whole):
        yield


def main() -> None:
    """Runs a command of seqtutor, ablated."""
    if len(sys.argv) < 3 or sys.argv[1] not in ABLATIONS:
        sys.exit(f"usage: python scripts/ablations.py {'|'.join(ABLATIONS)} tune|sweep ...")
    with applied(sys.argv[1]):
        sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
