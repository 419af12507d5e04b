"""Sequences of another length than the prior's: tuned for, drawn, judged."""

from dataclasses import replace

import numpy as np
import pytest

import seqtutor as st
from seqtutor.api import restrictions
from seqtutor.cli.main import run as command
from seqtutor.domains.reward_terms import Term
from seqtutor.kl_control.optimum import optimum
from tests.api.test_training import error_of, newest
from tests.support.commands import untrained
from tests.support.python_api import TUNE
from tests.tuning.test_resume import assert_same_run

pytestmark = pytest.mark.usefixtures("eagerly")

HOLD = 1


@pytest.fixture(scope="module")
def melodies(tmp_path_factory):
    """An untrained prior of melodies of two bars of 4/4, and one of jigs."""
    folder = tmp_path_factory.mktemp("melodies")
    untrained(folder / "prior", "music")
    untrained(folder / "jigs", "music", meter="6/8", length=24)
    return st.load_run(folder / "prior"), st.load_run(folder / "jigs")


@pytest.fixture(scope="module")
def shorter(prior, tmp_path_factory):
    """A policy of words of 4 letters, of a prior of words of 6."""
    return st.tune(prior, length=4, settings=TUNE, out=tmp_path_factory.mktemp("shorter") / "run", quiet=True)


def test_a_tuned_run_keeps_its_length_and_all_else_of_the_prior_s(prior, shorter):
    assert (shorter.domain.length, prior.domain.length) == (4, 6)
    assert shorter.config.domain == {**prior.config.domain, "length": 4}
    assert (shorter.config.data, shorter.config.model) == (prior.config.data, prior.config.model)
    assert set(map(len, st.load_run(shorter.path).sample(20, quiet=True))) == {4}
    assert newest(shorter)["replay/0/rows/tokens"].shape[1] == 4


def test_the_optimum_is_that_of_the_length(prior):
    """log Z over all words of 4 letters, from the prior's probabilities and the rewards of these letters."""
    of = prior.of_length(4)
    every = of.domain.every()
    log_p = prior.policy.log_probs(every, np.zeros((len(every), 0), np.int32))[1].numpy()
    total = of.domain.reward([Term("random")])(every, np.full(len(every), 4)).total
    best = optimum(log_p.sum(axis=1, dtype=np.float64), total.sum(axis=1, dtype=np.float64), 0.5)
    found = st.evaluate(prior, num=200, length=4, c=0.5, quiet=True)[prior.name]
    assert found["log_z"].value == pytest.approx(best.log_z, abs=1e-6)
    assert found["length"].value == 4


def test_runs_of_two_lengths_have_two_log_z(prior, shorter):
    """The gap of the shorter is to its own optimum, whatever stands beside it."""
    first = st.evaluate([prior, shorter], num=50, seed=1, c=1.0, quiet=True)
    alone = st.evaluate(shorter, num=50, seed=2, c=1.0, quiet=True)
    assert first[shorter.name]["gap"].value == alone[shorter.name]["gap"].value
    assert first[prior.name]["log_z"].value != first[shorter.name]["log_z"].value


def test_gaps_are_among_runs_of_one_length(melodies, tmp_path):
    """Where log Z is not known exactly, the bound of 4 bars is none of 2 bars."""
    untrained(tmp_path / "longer", "music", length=64)
    prior, longer = melodies[0], st.load_run(tmp_path / "longer")
    assert prior.policy.prior.digest() == longer.policy.prior.digest()
    both = st.evaluate([prior, longer], num=200, c=1000.0, quiet=True)
    figures = list(both.values())
    for own in figures:
        assert own["gap"].value == pytest.approx(own["log_z_bound"].value - own["objective"].value)
    assert figures[0]["log_z_bound"].value != figures[1]["log_z_bound"].value


def test_a_resumed_run_of_another_length_is_the_unbroken_one(prior, shorter, tmp_path):
    rounds = {**TUNE, "tune.final_rate": 1.0}  # so that the rate does not depend on how many there are
    whole = st.tune(prior, length=4, settings=rounds, out=tmp_path / "whole", quiet=True)
    st.tune(prior, length=4, settings={**rounds, "tune.rounds": 4}, out=tmp_path / "parts", quiet=True)
    again = st.tune(prior, length=4, settings=rounds, out=tmp_path / "parts", resume=True, quiet=True)
    assert_same_run(whole.path, again.path)
    said = error_of(st.tune, prior, settings=rounds, out=tmp_path / "parts", resume=True, quiet=True)
    assert "domain.length was 4, not 6" in said


def test_the_length_of_a_config_counts(prior, tmp_path, caplog):
    """Whether in a file or as --set; the other options of the domain are the prior's, and that is said."""
    config = {"extends": "chain", "domain": {"length": 5, "table": 3}, "tune": {"rounds": 1, "batch": 8}}
    tuned = st.tune(prior, config, settings=dict.fromkeys(["tune.minibatch"], 8), out=tmp_path / "file", quiet=True)
    assert (tuned.domain.length, tuned.domain.options["table"]) == (5, 0)
    (said,) = caplog.messages
    assert said == "the prior's run settled what the config has otherwise: domain.table 0, not 3"
    tuned = st.tune(prior, settings={**TUNE, "domain.length": 3}, out=tmp_path / "set", quiet=True)
    assert tuned.domain.length == 3


def test_a_sweep_has_one_length(prior, tmp_path):
    found = st.sweep(
        prior, settings={**TUNE, "domain.length": 4}, variants=("g",), num=50, out=tmp_path / "sweep", quiet=True
    )
    assert st.load_run(found.folder / found.rows[1]["folder"]).domain.length == 4
    judged = st.evaluate(prior, length=4, num=50, quiet=True)[prior.name]
    assert found.rows[0]["reward"] == pytest.approx(judged["reward"].value)
    assert "domain.length=4: domain, data and model are the prior's" in error_of(
        st.sweep, prior, grid={"domain.length": [4]}, out=tmp_path / "no", quiet=True
    ).replace("[4]", "4")


def test_bars(melodies, tmp_path):
    """8 bars of 4/4 have 128 sixteenths, of 6/8 they have 96; the rules of the last beat follow."""
    prior, jigs = melodies
    tokens, _ = prior.sample(4, bars=8, quiet=True).tokens
    assert tokens.shape == (4, 128)
    np.testing.assert_array_equal(tokens, prior.sample(4, length=128, quiet=True).tokens[0])
    assert jigs.sample(2, bars=8, quiet=True).tokens[0].shape == (2, 96)
    held = np.full((1, 128), HOLD, np.int32)
    tonic = prior.of_length(128).domain.reward([Term("tonic")])(held, np.array([128])).total
    np.testing.assert_array_equal(np.flatnonzero(tonic[0]), [125, 126, 127])
    assert command(["sample", str(prior.path), "--num", "2", "--bars", "3", "--out", str(tmp_path), "--quiet"]) == 0
    assert st.Samples(prior.domain, None, tmp_path).tokens[0].shape == (2, 48)


def test_what_a_prior_was_not_trained_on_is_said_once(melodies, shorter, tmp_path, caplog):
    prior = melodies[0]  # of pieces of up to 128 sixteenths
    data = prior.config.data.model_copy(update={"name": "airds"})
    named = replace(prior, config=prior.config.model_copy(update={"data": data}))
    named.sample(1, bars=8, quiet=True)
    assert not caplog.messages
    named.sample(1, bars=9, quiet=True)
    (said,) = caplog.messages
    assert "trained on pieces of at most 128 tokens" in said and "up to 144" in said
    caplog.clear()
    restrictions.tell_of_primer(named.of_length(112), 16)
    assert not caplog.messages
    named.sample(1, bars=7, primer="C4 " * 17, quiet=True)
    (said,) = caplog.messages
    assert "up to 129 with the primer" in said
    caplog.clear()
    shorter.sample(1, length=6, quiet=True)
    (said,) = caplog.messages
    assert "was tuned to make sequences of 4 tokens, not 6" in said


def test_what_is_refused(prior, melodies, make_run, word_file, tmp_path):
    music = melodies[0]
    assert "length is 64 and bars 4; give one of the two" in error_of(music.sample, 1, length=64, bars=4)
    assert "length is 64 and bars 4" in error_of(st.tune, music, length=64, bars=4, out=tmp_path / "x")
    assert "bars is 0; give 1 or more" in error_of(music.sample, 1, bars=0)
    assert "domain.length is 0" in error_of(music.sample, 1, length=0)
    assert "domain.length is 11200" in error_of(music.sample, 1, bars=700)
    assert "domain 'chain' have no bars" in error_of(prior.sample, 1, bars=2)
    assert "domain 'chain' have no bars" in error_of(st.tune, prior, bars=2, settings=TUNE, out=tmp_path / "x")
    assert "at most 100000 words" in error_of(st.tune, prior, length=12, settings=TUNE, out=tmp_path / "x")
    files = {"length": {"length": 4}, "num and particles": {"num": 9, "particles": 2}, "c": {"c": 2.0}}
    for which, asked in files.items():
        line = error_of(st.evaluate, word_file, domain="words", quiet=True, **asked)
        assert line.startswith(f"{which}: said of sequences that a run draws")
    assert not (tmp_path / "x").exists()
