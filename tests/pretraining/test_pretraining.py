"""Maximum likelihood: the loss by hand, a known optimum, the schedule, early stopping, and resuming to the bit."""

import json
import math
import signal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import seqtutor
from seqtutor.config import PretrainConfig, from_tree
from seqtutor.data import corpus
from seqtutor.data.batches import Batches
from seqtutor.domains import domain_class
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import shift_right
from seqtutor.pretraining.loop import pretrain
from seqtutor.pretraining.trainer import Likelihood, Trainer, _unscaled, learning_rate
from seqtutor.runs import checkpoint
from seqtutor.runs.run import load_run
from seqtutor.runs.run_folder import RunFolder

LETTERS = "abcde"
CHAIN = 0.05 + 0.75 * np.roll(np.eye(5), 1, axis=1)  # the next letter of the alphabet follows most often
LENGTH = 8


def chain_words(count, seed):
    """Words of 8 letters: the first uniform, the others by CHAIN."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, 5, (count, 1))
    for _ in range(LENGTH - 1):
        ahead = np.array([rng.choice(5, p=CHAIN[last]) for last in letters[:, -1]])
        letters = np.concatenate([letters, ahead[:, None]], axis=1)
    return ["".join(LETTERS[i] for i in row) for row in letters]


def true_loss(texts):
    """Nats a token of the distribution itself; the end token is certain."""
    steps = [-math.log(CHAIN[LETTERS.index(a), LETTERS.index(b)]) for text in texts for a, b in pairwise(text)]
    return (sum(steps) + len(texts) * math.log(5)) / (len(texts) * (LENGTH + 1))


@pytest.fixture
def setup(words, tmp_path, monkeypatch):
    """Makes the corpus of some words, a config and a run folder."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))

    def make(texts, name="run", model=None, data=None, **settings):
        path = tmp_path / "words.txt"
        path.write_text("".join(f"{text}\n" for text in texts))
        sections = {"model": model or {"units": 8}, "data": {"name": str(path), **(data or {})}, "pretrain": settings}
        config = from_tree({"domain": {"name": "words", "length": 12}, "seed": 3, **sections}, "test")
        loaded = corpus.load(domain_class("words")({"length": 12}), str(path))
        run = RunFolder(tmp_path / name)
        run.create(config, {"kind": "prior"}, resume=False, force=False)
        return config, loaded, run

    return make


def trainer_of(config, loaded):
    return Trainer(config, loaded, corpus.split(loaded, config.data, config.seed))


def last_arrays(run):
    return checkpoint.load_newest(run.checkpoints).arrays


def assert_same(arrays, others):
    assert arrays.keys() == others.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)


@pytest.mark.parametrize("max_length", [4, 128])
def test_likelihood_is_the_mean_over_tokens(setup, max_length):
    """Each piece alone, without padding, by numpy; the pieces of a batch differ in length."""
    _, loaded, _ = setup(["a", "bad", "cab", "dadadadada", "ebb", "abcde"])
    trainer = trainer_of(*setup(["ab", "cde"], name="other")[:2])
    network = trainer.network
    network.weights["logits/kernel"].assign(5.0 * network.weights["logits/kernel"])
    losses, begin = [], loaded.vocabulary.begin
    for row in (loaded[i] for i in range(len(loaded))):
        for piece in (row[i : i + max_length].astype(np.int32) for i in range(0, len(row), max_length)):
            logits = network.unroll(shift_right(piece[None], begin)).logits.numpy()[0].astype(float)
            log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            losses.extend(-log_p[np.arange(len(piece)), piece])
    assert len(losses) == len(loaded.tokens)
    assert np.ptp(losses) > 0.5
    batches = Batches(loaded, np.arange(len(loaded)), batch=4, max_length=max_length, pad=loaded.vocabulary.pad)
    assert Likelihood(network, loaded.domain).mean(batches) == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_training_comes_close_to_the_best_possible_loss(setup, cell):
    texts = chain_words(4000, seed=0)
    config, loaded, run = setup(
        texts, model={"cell": cell, "units": 16}, data={"validation": 0.1, "test": 0.1},
        epochs=6, batch=64, learning_rate=0.02, warmup=20, evaluate_every=50, samples=2,
    )  # fmt: skip
    pretrain(config, loaded, run, quiet=True)
    summary = json.loads((run.path / "summary.json").read_text())
    parts = corpus.split(loaded, config.data, config.seed)
    best = true_loss([texts[i] for i in parts["test"]])
    assert -0.02 < summary["test_loss"] - best < 0.05
    assert summary["test_bits"] == pytest.approx(summary["test_loss"] / math.log(2))
    assert summary["test_perplexity"] == pytest.approx(math.exp(summary["test_loss"]))
    check_files(config, loaded, run, summary, parts)


def check_files(config, loaded, run, summary, parts):
    """history.csv, samples and the checkpoint marked best tell the same story as summary.json."""
    history = pd.read_csv(run.history_file)
    assert list(history) == [
        "step", "seconds", "epoch", "tokens", "loss", "validation_loss", "validation_bits", "validation_perplexity",
        "learning_rate",
    ]  # fmt: skip
    per_epoch = math.ceil(len(parts["train"]) / 64)
    assert history.step.tolist() == [50, 100, 150, 200, 250, 300, 6 * per_epoch]
    assert history.epoch.tolist() == pytest.approx([step / per_epoch for step in history.step], rel=1e-5)
    assert history.tokens.iloc[-1] == 6 * (LENGTH + 1) * len(parts["train"])
    assert history.seconds.is_monotonic_increasing
    rates = [learning_rate(config.pretrain, step, 6 * per_epoch) for step in history.step]
    assert history.learning_rate.tolist() == pytest.approx(rates, rel=1e-5)
    assert history.validation_loss.min() == pytest.approx(summary["validation_loss"], rel=1e-5)
    assert history.step[history.validation_loss.idxmin()] == summary["best_step"]
    assert len(list((run.path / "samples").iterdir())) == 7
    drawn = (run.path / "samples" / "step-00000300.txt").read_text().splitlines()
    assert len(drawn) == 2 and set("".join(drawn)) <= set(LETTERS)

    best = load_run(run.path)
    assert best.step == summary["best_step"]
    assert checkpoint.load_best(run.checkpoints).meta["versions"]["seqtutor"] == seqtutor.__version__
    batches = Batches(loaded, parts["test"], 7, 128, loaded.vocabulary.pad)
    assert Likelihood(best.policy.prior, loaded.domain).mean(batches) == pytest.approx(summary["test_loss"], rel=1e-5)


STILL = {"batch": 4, "learning_rate": 1e-30, "evaluate_every": 5, "samples": 0}  # nothing moves, nothing gets better


def test_early_stopping(setup):
    config, loaded, run = setup(chain_words(200, seed=1), epochs=9, patience=3, **STILL)
    pretrain(config, loaded, run, quiet=True)
    history = pd.read_csv(run.history_file)
    assert history.step.tolist() == [5, 10, 15, 20]  # the first is the best, three more are no better
    assert json.loads((run.path / "summary.json").read_text())["best_step"] == 5
    text, arrays = run.history_file.read_text(), last_arrays(run)
    trainer = trainer_of(config, loaded)
    trainer.restore(checkpoint.load_newest(run.checkpoints))
    assert list(trainer.steps()) == []  # over is over
    pretrain(config, loaded, run, resume=True, quiet=True)
    assert run.history_file.read_text() == text
    assert_same(last_arrays(run), arrays)


def test_patience_begins_anew_with_each_better_loss(setup):
    config, loaded, _ = setup(chain_words(200, seed=1), epochs=9, patience=2, **STILL)
    trainer = trainer_of(config, loaded)
    for _ in trainer.steps():
        if trainer.due():
            trainer.best = math.inf if trainer.step <= 20 else trainer.best
            trainer.validate()
    assert trainer.step == 30 < trainer.total_steps


def test_without_validation_the_training_loss_decides(setup):
    config, loaded, run = setup(
        ["bad", "cab", "dada", "abba"] * 5, data={"validation": 0, "test": 0}, epochs=4, batch=4, learning_rate=0.05,
        warmup=0, evaluate_every=5,
    )  # fmt: skip
    pretrain(config, loaded, run, quiet=True)
    history = pd.read_csv(run.history_file)
    assert history.validation_loss.isna().all()
    assert history.loss.iloc[-1] < history.loss.iloc[0]
    assert json.loads((run.path / "summary.json").read_text()) == {
        "best_step": 20, "loss": pytest.approx(history.loss.iloc[-1], rel=1e-5)
    }  # fmt: skip


def test_nothing_to_train_on(setup):
    config, loaded, run = setup(["ab"])
    nothing = corpus.Corpus(loaded.domain, "", "", loaded.tokens[:0], loaded.offsets[:1], [], loaded.cached_at, b"[]")
    with pytest.raises(UserError, match="no sequences to train on"):
        pretrain(config, nothing, run, quiet=True)


@pytest.mark.parametrize(("epochs", "steps"), [(1, 25), (0.4, 10), (2.5, 62), (0.001, 1)])
def test_epochs_may_be_a_fraction(setup, epochs, steps):
    config, loaded, _ = setup(chain_words(100, seed=2), data={"validation": 0, "test": 0}, epochs=epochs, batch=4)
    trainer = trainer_of(config, loaded)
    assert trainer.total_steps == steps
    assert trainer.total_tokens == round(epochs * 900)
    seen = list(trainer.steps())
    assert (len(seen), trainer.step, sum(seen)) == (steps, steps, 36 * steps)
    assert trainer.due()


def test_learning_rates():
    settings = PretrainConfig(learning_rate=0.8, warmup=4)
    rates = [learning_rate(settings, step, 104) for step in range(105)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert rates[54] == pytest.approx(0.8 * 0.505)  # half of the way: half of the cosine
    assert rates[29] == pytest.approx(0.8 * (0.01 + 0.99 * (1 + math.sqrt(0.5)) / 2))
    assert rates[104] == pytest.approx(0.008)
    assert all(before > after for before, after in pairwise(rates[4:]))
    assert learning_rate(PretrainConfig(learning_rate=0.8, warmup=0), 0, 10) == 0.8
    assert learning_rate(PretrainConfig(learning_rate=0.8, warmup=10), 2, 3) == pytest.approx(0.24)  # all warm-up


RESUMED = {"epochs": 2, "batch": 8, "evaluate_every": 10, "warmup": 5, "samples": 1, "weight_decay": 1e-3}


def test_resuming_from_within_an_epoch_gives_the_same_bits(setup):
    """22 steps an epoch; the checkpoint is of step 17, between two validations."""
    config, loaded, _ = setup(chain_words(200, seed=4), **RESUMED)
    whole, resumed = trainer_of(config, loaded), trainer_of(config, loaded)
    steps = whole.steps()
    for _ in range(17):
        next(steps)
        if whole.due():
            whole.validate()
    resumed.restore(whole.snapshot())
    for trainer, rest in ((whole, steps), (resumed, resumed.steps())):
        for _ in rest:
            if trainer.due():
                trainer.validate()
    assert whole.step == resumed.step == whole.total_steps == 44
    assert_same(whole.snapshot().arrays, resumed.snapshot().arrays)


def test_an_interrupted_run_ends_in_the_same_bits(setup, monkeypatch):
    """Ctrl-C in step 17 finishes that step, writes a checkpoint, and leaves what --resume needs."""
    config, loaded, whole = setup(chain_words(200, seed=4), name="whole", **RESUMED)
    broken = setup(chain_words(200, seed=4), name="broken", **RESUMED)[2]
    pretrain(config, loaded, whole, quiet=True)
    steps = Trainer.steps

    def steps_with_ctrl_c(self):
        for count in steps(self):
            if self.step == 17:
                signal.raise_signal(signal.SIGINT)
            yield count

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "steps", steps_with_ctrl_c)
        pretrain(config, loaded, broken, quiet=True)
    assert checkpoint.load_newest(broken.checkpoints).step == 17
    assert not (broken.path / "summary.json").exists()
    pretrain(config, loaded, broken, resume=True, quiet=True)
    assert_same(last_arrays(whole), last_arrays(broken))
    assert (whole.path / "summary.json").read_text() == (broken.path / "summary.json").read_text()
    tables = [pd.read_csv(run.history_file).drop(columns="seconds") for run in (whole, broken)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    for file in (whole.path / "samples").iterdir():
        assert file.read_bytes() == (broken.path / "samples" / file.name).read_bytes()


def test_a_run_killed_before_its_best_checkpoint_was_marked(setup):
    config, loaded, run = setup(chain_words(200, seed=4), **RESUMED)
    pretrain(config, loaded, run, quiet=True)
    best = json.loads((run.checkpoints / "best.json").read_text())["step"]
    assert best == checkpoint.load_newest(run.checkpoints).step
    (run.checkpoints / "best.json").write_text('{"step": 1}')
    pretrain(config, loaded, run, resume=True, quiet=True)
    assert json.loads((run.checkpoints / "best.json").read_text()) == {"step": best}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_mixed_precision_follows_the_curve_of_float32(setup, cell):
    losses = {}
    for precision in ("float32", "mixed_float16"):
        model = {"units": 16, "cell": cell}
        config, loaded, run = setup(
            chain_words(200, seed=4), name=precision, model=model, precision=precision, **{**RESUMED, "epochs": 4}
        )
        pretrain(config, loaded, run, quiet=True)
        losses[precision] = pd.read_csv(run.history_file)[["loss", "validation_loss"]].to_numpy()
        assert {value.dtype for value in load_run(run.path).policy.prior.get().values()} == {np.dtype(np.float32)}
    assert losses["float32"][-1, 0] < 0.95 * losses["float32"][0, 0]
    np.testing.assert_allclose(losses["mixed_float16"], losses["float32"], rtol=1e-3)
    assert (losses["mixed_float16"] != losses["float32"]).any()


def test_a_gradient_too_large_for_float16_is_left_out():
    good, bad = tf.constant([1024.0, -2048.0]), tf.constant([[1.0, math.inf]])
    np.testing.assert_array_equal(_unscaled([good], 1024.0)[0], [1, -2])
    for gradient in _unscaled([good, bad], 1024.0):
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))
