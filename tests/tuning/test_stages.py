"""Stages: a run that begins with the policy of another, and one that ends when its reward is high enough."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import seqtutor
from seqtutor.errors import UserError
from seqtutor.runs import checkpoint
from seqtutor.runs.run import load_run
from seqtutor.tuning.tuner import Tuner
from tests.support.commands import CONFIG, untrained

pytestmark = pytest.mark.usefixtures("eagerly")

SMALL = {"tune.batch": 8, "tune.minibatch": 8, "tune.replay_ratio": 1, "tune.rounds": 4, "tune.evaluate_every": 1}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A prior of chain and a run tuned from it."""
    folder = tmp_path_factory.mktemp("stages")
    untrained(folder / "prior", "chain")
    first = seqtutor.tune(folder / "prior", CONFIG, variant="psi", settings=SMALL, out=folder / "first", quiet=True)
    return folder / "prior", first


def tune(prior, out, **how):
    settings = {**SMALL, **how.pop("settings", {})}
    return seqtutor.tune(prior, CONFIG, **{"variant": "psi", **how}, settings=settings, out=out, quiet=True)


def logits(policy, tokens):
    return policy.unroll(tokens, tf.zeros([len(tokens), 0], tf.int32))[0].numpy()


def test_it_begins_with_the_policy_of_the_stage_before(stage):
    prior, first = (load_run(path) for path in (stage[0], stage[1].path))
    tuner = Tuner(first.config, prior.domain, prior.policy.prior, prior.domain.reward(()))
    tokens = tf.constant(np.random.default_rng(0).integers(0, 2, (4, 6)), tf.int32)
    assert not np.allclose(logits(tuner.policy, tokens), logits(first.policy, tokens), atol=1e-6)
    tuner.begin_with(first)
    np.testing.assert_array_equal(logits(tuner.policy, tokens), logits(first.policy, tokens))
    for name, weights in tuner.learner.target.get().items():
        np.testing.assert_array_equal(weights, first.policy.tuned.get()[name])


def test_a_stage_goes_on_to_the_bit_and_says_where_it_began(stage, tmp_path):
    prior, first = stage
    whole = tune(prior, tmp_path / "whole", initial=first, c=0.5)
    alone = tune(prior, tmp_path / "alone", c=0.5)
    drawn = [run.history["log_prob"].iloc[0] for run in (whole, alone)]
    assert drawn[0] != drawn[1], "the first round is of the policy that it begins with"
    assert whole.config.tune.initial == str(first.path)
    shutil.copytree(whole.path, tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken" / "checkpoints" / "step-00000004")
    resumed = tune(prior, tmp_path / "broken", initial=first, c=0.5, resume=True)
    ends = [checkpoint.load_newest(run.path / "checkpoints") for run in (whole, resumed)]
    assert ends[0].arrays.keys() == ends[1].arrays.keys()
    for name, array in ends[0].arrays.items():
        np.testing.assert_array_equal(array, ends[1].arrays[name], err_msg=name)


def test_another_run_in_its_place_is_refused(stage, tmp_path):
    prior, first = stage
    shutil.copytree(first.path, tmp_path / "first")
    tune(prior, tmp_path / "next", initial=tmp_path / "first")
    tune(prior, tmp_path / "first", seed=7, force=True)
    with pytest.raises(UserError, match="tuned anew since the training began"):
        tune(prior, tmp_path / "next", initial=tmp_path / "first", resume=True, settings={"tune.rounds": 6})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"initial": "prior"}, "is a prior; give a tuned run"),
        ({"initial": "other"}, "was tuned from another prior"),
        ({"variant": "g"}, "of the variant psi, whose network means another thing than that of g"),
        ({"settings": {"tune.units": 9}}, "tune.units, tune.embedding and what tune.lookahead tells must be as there"),
        ({"initial": "nowhere"}, "nowhere is not a run folder"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(stage, tmp_path, how, said):
    prior, first = stage
    untrained(tmp_path / "other", "chain", "psi", seed=5)
    places = {"prior": prior, "other": tmp_path / "other", "nowhere": tmp_path / "nowhere"}
    initial = places[how["initial"]] if "initial" in how else first
    with pytest.raises(UserError, match=said):
        tune(prior, tmp_path / "out", **{**how, "initial": initial})
    assert not (tmp_path / "out").exists() or not (tmp_path / "out" / "config.yaml").exists()


def test_it_ends_when_the_reward_is_there(stage, tmp_path, caplog):
    prior, first = stage
    rewards = first.history["reward"]
    reached = int(np.argmax(rewards.iloc[1:])) + 1  # the highest but the first
    until = float(rewards.iloc[reached]) - 1e-9
    if rewards.iloc[0] >= until:
        reached = 0
    run = tune(prior, tmp_path / "run", until=until)
    assert run.step == reached + 1
    pd.testing.assert_series_equal(run.history["reward"], rewards.iloc[: reached + 1])
    again = tune(prior, tmp_path / "run", until=until, resume=True)
    assert (again.step, len(again.history)) == (reached + 1, reached + 1)
    assert not caplog.messages
    tune(prior, tmp_path / "far", until=1e6)
    assert "tune.until 1e+06 was not reached" in caplog.text
