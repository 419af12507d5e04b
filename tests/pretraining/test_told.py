"""A prior that is told what its domain knows: trained, resumed, tuned, drawn from and judged like any other."""

import gzip
import json

import numpy as np
import pytest

import seqtutor
from seqtutor.errors import UserError
from seqtutor.runs import checkpoint
from seqtutor.runs.run import load_run
from tests.pretraining.test_pretraining import assert_same
from tests.support.commands import CONFIG
from tests.support.places import ROOT

SETTINGS = {
    "model.units": 8, "model.lookahead": True, "domain.length": 60, "data.max_length": 60, "pretrain.epochs": 2,
    "pretrain.batch": 16, "pretrain.evaluate_every": 5, "pretrain.warmup": 2,
}  # fmt: skip
TUNE = {"tune.rounds": 2, "tune.batch": 8, "tune.minibatch": 8, "tune.lookahead": False}
NONE = np.zeros((50, 0), np.int32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of 200 molecules, and a prior that was trained on them."""
    path = tmp_path_factory.mktemp("told")
    texts = gzip.decompress((ROOT / "data" / "molecules" / "moses-sample.smi.gz").read_bytes()).decode().split()[:200]
    (path / "some.smi").write_text("\n".join(texts) + "\n")
    train(path, path / "prior")
    return path


def train(folder, out, **how):
    """A prior of the file in a folder."""
    seqtutor.pretrain("molecules-quick", data=str(folder / "some.smi"), out=out, settings=SETTINGS, quiet=True, **how)


def drawn_and_judged(policy, sampler):
    """log p of draws of a policy, as they were drawn and as the whole is judged."""
    drawn = sampler.draw(np.random.default_rng(0).random((50, 60), np.float32), NONE)
    counts = np.arange(60) < drawn.lengths[:, None]
    return drawn.log_prior, np.where(counts, policy.log_probs(drawn.tokens, NONE)[1], 0.0)


def test_what_it_has_learned_is_what_it_draws_by(folder):
    prior = load_run(folder / "prior")
    assert np.abs(prior.policy.prior.get()["features/logits"]).max() > 0.01
    drawn, judged = drawn_and_judged(prior.policy, prior.sampler())
    np.testing.assert_allclose(judged, drawn, atol=1e-4)


def test_its_loss_is_what_it_says_of_molecules(folder):
    prior, texts = load_run(folder / "prior"), (folder / "some.smi").read_text().split()
    rows = [prior.domain.encode(text) for text in texts]
    losses = [-prior.policy.log_probs(row[None], np.zeros((1, 0), np.int32))[1].numpy()[0] for row in rows[:60]]
    test_loss = json.loads((folder / "prior" / "summary.json").read_text())["test_loss"]
    assert np.concatenate(losses).mean() == pytest.approx(test_loss, abs=0.1)


@pytest.mark.slow
def test_a_resumed_run_ends_in_the_same_bits(folder, tmp_path):
    train(folder, tmp_path / "run")
    whole = checkpoint.load_newest(folder / "prior" / "checkpoints")
    checkpoint.discard_after(tmp_path / "run" / "checkpoints", whole.step - 5)
    train(folder, tmp_path / "run", resume=True)
    again = checkpoint.load_newest(tmp_path / "run" / "checkpoints")
    assert again.step == whole.step
    assert_same(again.arrays, whole.arrays)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["g", "pg"])
def test_tuned_from_it_runs_are_told_too(folder, tmp_path, variant):
    """Whatever tune.lookahead says; and the network of a variant that keeps the prior's heads is none of REINVENT's."""
    run = seqtutor.tune(folder / "prior", variant=variant, out=tmp_path / "run", settings=TUNE, quiet=True)
    loaded = load_run(run.path)
    assert loaded.policy.tuned.features == loaded.policy.prior.features > 0
    drawn, judged = drawn_and_judged(loaded.policy, loaded.sampler())
    np.testing.assert_allclose(judged, drawn, atol=1e-4)
    with pytest.raises(UserError, match="adds its network" if variant == "g" else "is told what is open"):
        seqtutor.export(run, tmp_path / "their.model", format="reinvent")


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (CONFIG, {"model.lookahead": True}, "domain 'chain' has nothing to tell"),
        ("molecules-quick", {**SETTINGS, "data.max_length": 40}, "give it domain.length, 60, or more"),
    ],
)
def test_what_cannot_be_told(folder, tmp_path, config, settings, message):
    data = str(folder / "some.smi") if config == "molecules-quick" else None
    with pytest.raises(UserError, match=message):
        seqtutor.pretrain(config, data=data, out=tmp_path / "run", settings=settings, quiet=True)
    assert not (tmp_path / "run").exists()
