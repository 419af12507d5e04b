"""Melodies of some notes alone: drawn from the prior that comes with seqtutor, tuned for, judged."""

import numpy as np
import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from seqtutor.domains.music.tokens import FIRST_PITCH, SYMBOLS
from tests.api.test_training import error_of

FEW = {"tune.rounds": 2, "tune.batch": 8, "tune.minibatch": 8, "tune.variant": "g", "tune.evaluate_every": 1}


@pytest.fixture(scope="module")
def prior():
    return st.load_run("music")


@pytest.fixture(scope="module")
def tuned(prior, tmp_path_factory):
    return st.tune(prior, range="alto", settings=FEW, out=tmp_path_factory.mktemp("alto") / "run", quiet=True)


def pitches(samples):
    return {symbol for text in samples for symbol in text.split()} - set(SYMBOLS[:FIRST_PITCH])


def test_only_these_notes_are_drawn_with_their_log_probabilities(prior):
    drawn = prior.sample(200, range="G3-A5", scale="A minor pentatonic", quiet=True)
    between = SYMBOLS[SYMBOLS.index("G3") : SYMBOLS.index("A5") + 1]
    assert pitches(drawn) == {symbol for symbol in between if symbol[:-1] in "CDEGA"}
    tokens, _ = drawn.tokens
    limited = prior.drawing({"range": "G3-A5", "scale": "A minor pentatonic"})
    of = limited.policy.log_probs(tokens, np.zeros((len(tokens), 0), np.int32))
    table = drawn.to_pandas()
    for name, each in zip(("log_prob", "log_prior"), of, strict=True):
        np.testing.assert_allclose(table[name], each.numpy().sum(axis=1), atol=1e-3)
    assert (table["log_prob"] > table["log_prior"]).all()  # what is left out is shared among the rest


def test_a_run_that_was_tuned_for_them_keeps_to_them(prior, tuned, caplog):
    assert tuned.config.domain["range"] == "alto" and st.load_run(tuned.path).domain.allowed.sum() == 22 + 2
    inside = set(SYMBOLS[SYMBOLS.index("F3") : SYMBOLS.index("D5") + 1])
    assert pitches(tuned.sample(50, quiet=True)) <= inside
    assert pitches(tuned.sample(20, particles=4, quiet=True)) <= inside
    assert pitches(tuned.sample(50, scale="pentatonic", quiet=True)) <= {each for each in inside if each[0] in "CDEGA"}
    assert not caplog.messages
    said = error_of(st.tune, prior, settings=FEW, out=tuned.path, resume=True, quiet=True)
    assert "domain.range was alto" in said
    caplog.clear()
    tuned.sample(1, range="tenor", quiet=True)
    assert "was tuned for fewer notes than these" in caplog.messages[0]


def test_a_melody_outside_has_no_probability(tuned, tmp_path):
    (tmp_path / "two.txt").write_text("C4 hold E4 hold\nC3 hold E4 hold\n")
    table = st.score(tmp_path / "two.txt", model=tuned, out=tmp_path, quiet=True)
    assert np.isfinite(table["log_prob"][0]) and table["log_prob"][1] == -np.inf
    measured = st.evaluate(tuned, num=8, quiet=True)[tuned.name]
    assert np.isfinite([measured[name].value for name in ("objective", "kl_sequence", "entropy", "gap")]).all()


def test_a_run_is_judged_by_what_it_draws_of_them(prior, tmp_path):
    """Fewer notes make a narrower policy: KL(pi || p) of a prior that draws all its notes is 0."""
    found = st.evaluate(prior, num=64, range="alto", scale="pentatonic", quiet=True)[prior.name]
    limited = st.evaluate(prior.drawing({"range": "alto", "scale": "pentatonic"}), num=64, quiet=True)[prior.name]
    assert found["kl_sequence"].value == limited["kl_sequence"].value > 1
    (tmp_path / "one.txt").write_text("C4 hold E4 hold\n")
    assert "files are judged as they are" in error_of(st.evaluate, tmp_path / "one.txt", range="alto")


def test_what_cannot_be_drawn_is_said(prior, tmp_path, capsys):
    assert command(["sample", "music", "--num", "2", "--range", "flute", "--out", str(tmp_path)]) == 0
    assert "range flute is C4 to C7: nothing above B5 is drawn" in capsys.readouterr().err
    assert (
        command(["play", "music", "--num", "1", "--scale", "blues", "--out", str(tmp_path / "a.html"), "--quiet"]) == 0
    )
    assert command(["sample", "music", "--num", "2", "--range", "flut", "--out", str(tmp_path)]) == 2
    assert "did you mean flute" in capsys.readouterr().err
    molecules = st.load_run("molecules")
    assert "domain 'molecules' have no range; leave it out" in error_of(molecules.sample, 1, range="G3-A5")
    assert "a prior learns all notes of its data" in error_of(
        st.pretrain, "music-quick", settings={"domain.scale": "blues"}, out=tmp_path / "p", quiet=True
    )
