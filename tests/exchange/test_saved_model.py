"""The SavedModel of a run: a process without seqtutor gets the same numbers and the same sequences from it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.cli.main import run
from seqtutor.config import VARIANT_NAMES, ModelConfig
from seqtutor.exchange.saved_model import Exported
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Sampler
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.runs.run import load_run
from tests.support.commands import error_of, untrained
from tests.support.places import ROOT
from tests.support.toy import Toy

PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
ABOUT = Path("assets.extra", "seqtutor.json")


def exported(path, out, *more):
    """The SavedModel of a run and what its JSON says."""
    assert run(["export", str(path), "--out", str(out), "--quiet", *more]) == 0
    return tf.saved_model.load(str(out)), json.loads((out / ABOUT).read_text())


@pytest.fixture(scope="module")
def made():
    """What `of` has made."""
    return {}


@pytest.fixture
def of(make_run, tmp_path, made):
    """Gives the SavedModel of a run of a variant, what its JSON says, and the run's folder; each is made once."""

    def get(variant=""):
        if variant not in made:
            path = make_run(variant=variant)
            made[variant] = (*exported(path, tmp_path / "made"), path)
        return made[variant]

    return get


def inputs(loaded, n=40, primer=2):
    """Uniforms [N, T] and primers [N, P], of a seed."""
    rng = np.random.default_rng(3)
    primers = rng.integers(1, loaded.domain.vocabulary.size, (n, primer), np.int32)
    return rng.random((n, loaded.domain.length), np.float32), primers


@pytest.mark.parametrize(
    "variant",
    ["", "psi", "g"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in VARIANT_NAMES if name not in ("psi", "g")],
)
def test_the_same_sequences_and_log_probabilities(of, variant):
    """`psi` is a policy of its own, `g` adds to the prior's logits, a prior is itself."""
    model, about, path = of(variant)
    loaded = load_run(path)
    samplers = [(temperature, loaded.sampler(temperature)) for temperature in (0.5, 1.0)]
    for primer in (0, 2):
        uniforms, primers = inputs(loaded, primer=primer)
        for temperature, sampler in samplers:
            wanted = sampler.draw(uniforms, primers)
            got = model.signatures["sample"](uniforms=uniforms, primers=primers, temperature=tf.constant(temperature))
            np.testing.assert_array_equal(got["tokens"], wanted.tokens)
            np.testing.assert_array_equal(got["lengths"], wanted.lengths)
        assert len(set(wanted.lengths)) > 2  # some end early, some at the limit
        judged = model.signatures["log_prob"](tokens=wanted.tokens, lengths=wanted.lengths, primers=primers)
        for name, value in judged.items():
            np.testing.assert_allclose(value, getattr(wanted, name), atol=1e-5)
        assert variant == "" or not np.allclose(judged["log_prob"], judged["log_prior"], atol=0.1)
    assert about["kind"] == ("tuned" if variant else "prior")


@pytest.mark.parametrize("variant", ["", "psi", "g"])
def test_steps_add_up_to_the_product_s_log_probabilities(of, variant):
    model, about, path = of(variant)
    loaded = load_run(path)
    tokens, lengths, *floats = loaded.sampler().draw(*inputs(loaded, primer=0))
    token = np.full(len(tokens), about["begin"], np.int32)
    state = np.zeros((len(tokens), about["state_size"]), np.float32)
    for t in range(tokens.shape[1]):
        after = model.signatures["step"](tokens=tf.constant(token), state=tf.constant(state))
        token, state, rows = tokens[:, t], after["state"], np.flatnonzero(t < lengths)
        for name, wanted in zip(("log_probs", "log_priors"), floats, strict=False):
            np.testing.assert_allclose(after[name].numpy()[rows, token[rows]], wanted[rows, t], atol=1e-5)
            np.testing.assert_allclose(np.exp(after[name]).sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("more", [{"cell": "gru", "layers": 2, "units": [8, 5]}, {"reads_begin": False}])
def test_any_network(more):
    """Layers of several widths lie side by side in a state; a network may not read begin."""
    domain = Toy().with_vocabulary("abcd")
    policy = Policy(SequenceModel(ModelConfig(**{"units": 8, **more}), domain.vocabulary.size, seed=1))
    module = Exported(policy, domain.vocabulary)
    rng = np.random.default_rng(0)
    uniforms, primers = rng.random((9, 6), np.float32), rng.integers(1, 5, (9, 2), np.int32)
    wanted = Sampler(policy, domain.vocabulary, 6).draw(uniforms, primers)
    got = module.sample(tf.constant(uniforms), tf.constant(primers), tf.constant(1.0))
    np.testing.assert_array_equal(got["tokens"], wanted.tokens)
    judged = module.log_prob(tf.constant(wanted.tokens), tf.constant(wanted.lengths), tf.constant(primers))
    np.testing.assert_allclose(judged["log_prob"], wanted.log_prob, atol=1e-5)
    state = tf.zeros([9, module.state_size])
    for token in (np.full(9, 5), primers[:, 0], primers[:, 1]):
        after = module.step(tf.constant(token, tf.int32), state)
        state = after["state"]
    first = after["log_probs"].numpy()[np.arange(9), wanted.tokens[:, 0]]
    np.testing.assert_allclose(first, wanted.log_prob[:, 0], atol=1e-5)


def test_what_stands_behind_a_length_does_not_count(of):
    model, *_ = of()
    tokens, more = tf.constant([[1, 2, -1, 99]]), {"lengths": tf.constant([2]), "primers": tf.zeros([1, 0], tf.int32)}
    got = model.signatures["log_prob"](tokens=tokens, **more)["log_prob"][0].numpy()
    short = model.signatures["log_prob"](tokens=tokens[:, :2], **more)["log_prob"][0].numpy()
    np.testing.assert_array_equal(got, [*short, 0, 0])


def test_any_number_of_tokens_and_no_end(tmp_path):
    """The length is that of the uniforms; a melody has no end token, and is as long as they say."""
    untrained(tmp_path / "prior", "music")
    model, about = exported(tmp_path / "prior", tmp_path / "out")
    assert about["end"] is None and about["symbols"][:3] == ["off", "hold", "C3"] and about["begin"] == 38
    for length in (1, 50):
        got = model.signatures["sample"](
            uniforms=np.full((3, length), 0.5, np.float32), primers=np.zeros((3, 1), np.int32), temperature=1.0
        )
        assert got["tokens"].shape == (3, length) and got["lengths"].numpy().tolist() == [length] * 3


def test_the_gradient_reaches_the_weights(of):
    """Who goes on training in plain TensorFlow can: d log pi / d logits/bias is 1 - pi summed over the steps."""
    model, _, path = of()
    log_prob, tokens = model.signatures["log_prob"], np.array([[1, 2, 3]], np.int32)
    with tf.GradientTape() as tape:
        got = log_prob(tokens=tokens, lengths=tf.constant([3]), primers=tf.zeros([1, 0], tf.int32))
        total = tf.reduce_sum(got["log_prob"])
    gradients = dict(zip((v.name for v in log_prob.variables), tape.gradient(total, log_prob.variables), strict=True))
    policy = load_run(path).policy
    pi = tf.nn.softmax(policy.unroll(tf.constant(tokens), tf.zeros([1, 0], tf.int32))[0])[0]
    wanted = (tf.one_hot(tokens[0], 5) - pi).numpy().sum(axis=0)
    np.testing.assert_allclose(gradients["logits/bias:0"], wanted, atol=1e-6)
    assert np.abs(gradients["layer0/recurrent:0"]).max() > 1e-3


def test_the_file_beside_it_says_what_it_is(make_run, tmp_path):
    _, about = exported(make_run("psi", variant="psi", c=2.0, reward="b"), tmp_path / "out")
    assert about.pop("versions")["tensorflow"].startswith("2.")
    assert about == {
        "run": "runs/psi", "step": 7, "kind": "tuned", "variant": "psi", "c": 2.0, "reward": "b", "domain": "words",
        "options": {"length": 6}, "length": 6, "primer": "start", "random_primers": [1, 2, 3, 4], "state_size": 32,
        "begin": 5, "end": 0, "pad": 0, "symbols": [".", "a", "b", "c", "d"],
    }  # fmt: skip
    keys = {key for cell in re.findall(r"^\| (`.*?) \|", PAGE.split("## assets")[1], re.M) for key in cell.split(", ")}
    assert keys == {f"`{key}`" for key in (*about, "versions")}


def test_the_page_names_every_argument(of):
    model, *_ = of()
    table = dict(re.findall(r"^\| `(\w+)` \| (.*)\|$", PAGE.split("## Signatures")[1].split("## ")[0], re.M))
    assert sorted(table) == sorted(model.signatures)
    for name, cells in table.items():
        takes, gives = (re.findall(r"`(\w+)`", cell) for cell in cells.split(" | "))
        assert set(takes) == set(model.signatures[name].structured_input_signature[1])
        assert set(model.signatures[name].structured_outputs) <= set(gives)


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["words", "music"])
def test_the_page_s_example_in_a_process_without_seqtutor(make_run, tmp_path, domain):
    untrained(tmp_path / "music", "music")
    path = tmp_path / "music" if domain == "music" else make_run(variant="g")
    _, about = exported(path, tmp_path / "exported-molecules")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    before, after = "import sys; sys.modules['seqtutor'] = None\n", "\nassert sys.modules['seqtutor'] is None"
    done = subprocess.run(
        [sys.executable, "-c", before + example + after], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = load_run(path)
    uniforms = np.random.default_rng(0).random((8, about["length"]), np.float32)
    tokens, lengths = loaded.sampler().draw(uniforms, np.zeros((8, 0), np.int32))[:2]
    texts = done.stdout.splitlines()[:8]
    glue = " " if domain == "music" else ""
    assert [text.replace(" ", glue) for text in texts] == [
        loaded.domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)
    ]


def test_a_folder_that_is_not_empty(make_run, tmp_path, capsys):
    path, out = make_run(), tmp_path / "out"
    out.mkdir()
    assert run(["export", str(path), "--out", str(out)]) == 0  # empty
    assert capsys.readouterr().out == f"{out}: a SavedModel with the signatures step, log_prob and sample\n"
    before = (out / "saved_model.pb").stat().st_ino
    assert "is not empty; use --force" in error_of(capsys, "export", str(path), "--out", str(out))
    assert (out / "saved_model.pb").stat().st_ino == before
    assert exported(make_run("psi", "psi"), out, "--force")[1]["kind"] == "tuned"
    (out / "mine.txt").touch()
    assert "holds more than a SavedModel" in error_of(capsys, "export", str(path), "--out", str(out), "--force")
    assert "holds more than a SavedModel" in error_of(capsys, "export", str(path), "--out", str(path), "--force")
    assert (out / "mine.txt").exists() and load_run(path)
    assert "is a file" in error_of(capsys, "export", str(path), "--out", str(out / "mine.txt"), "--force")
    assert "cannot write" in error_of(capsys, "export", str(path), "--out", str(out / "mine.txt" / "deeper"))
    assert "Missing option '--out'" in error_of(capsys, "export", str(path))
    assert "is not a run folder" in error_of(capsys, "export", str(tmp_path / "none"), "--out", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_whole_or_not_there(make_run, tmp_path, monkeypatch):
    """What fails in the middle leaves what was there, and nothing else."""
    path, out = make_run(), tmp_path / "place" / "out"
    exported(path, out)
    inside = sorted(file for file in out.rglob("*"))
    monkeypatch.setattr("seqtutor.exchange.saved_model.about", lambda *_: 1 / 0)
    assert run(["export", str(path), "--out", str(out), "--force"]) == 1
    assert run(["export", str(path), "--out", str(out.parent / "new")]) == 1
    assert list(out.parent.iterdir()) == [out]
    assert sorted(file for file in out.rglob("*")) == inside
