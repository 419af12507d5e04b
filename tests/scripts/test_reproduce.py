"""scripts/reproduce: a whole small reproduction, what is run again, the page's statistics; and scripts/ablations."""

import gzip
import importlib
import json
import math
import re
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.sampler import Exploration, Sampler
from seqtutor.policy.sequence_model import shift_right
from seqtutor.stats.estimate import Estimate, mean_of_few
from seqtutor.tuning import loop
from seqtutor.tuning import tuner as tuner_module
from seqtutor.tuning.learner import Learner
from tests.support import outcome
from tests.support.line import ACTIONS, LENGTH, LINE, REWARD, log_probs, make_prior, settings
from tests.support.places import ROOT

sys.path.append(str(ROOT / "scripts"))
ablations, page, plan, reproduce, results = (
    importlib.import_module(name)
    for name in ("ablations", "reproduce_page", "reproduce_plan", "reproduce", "reproduce_results")
)
HEADINGS = re.findall(r"^##? .+", (ROOT / "docs" / "results.template.md").read_text(), re.MULTILINE)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Runs scripts/reproduce --quick with one seed, few molecules, all short, and more arguments; returns the page."""
    monkeypatch.chdir(ROOT)
    with gzip.open(ROOT / "data" / "molecules" / "moses-sample.smi.gz", "rt") as file:
        (tmp_path / "few.smi").write_text("".join(islice(file, 300)))
    few = (*plan.QUICK.changes["molecules"], f"data.name={tmp_path / 'few.smi'}", "pretrain.epochs=1")
    configs = dict(plan.QUICK.configs)
    for name, length in (("music", 16), ("molecules", 40)):
        short = f"extends: {ROOT / configs[name]}\ndomain: {{length: {length}}}\n"
        configs[name] = str(tmp_path / f"{name}.yaml")
        Path(configs[name]).write_text(short)
    changes = {**plan.QUICK.changes, "molecules": few}
    scale = replace(plan.QUICK, configs=configs, seeds=1, cs=(1.0,), changes=changes)
    monkeypatch.setattr(reproduce, "QUICK", scale)

    def run(*more):
        args = ["reproduce", "--quick", "--out", str(tmp_path / "out"), "--page", str(tmp_path / "page.md"), *more]
        monkeypatch.setattr(sys, "argv", args)
        reproduce.main()
        return (tmp_path / "page.md").read_text() if (tmp_path / "page.md").exists() else ""

    return run


@pytest.mark.slow
def test_a_small_reproduction_writes_the_whole_page_and_runs_nothing_twice(quick, eagerly, monkeypatch, tmp_path):
    before = (ROOT / "docs" / "results.md").read_bytes()
    with outcome.eagerly():
        text = quick()
    assert re.findall(r"^##? .+", text, re.MULTILINE) == HEADINGS
    assert "{{" not in text
    assert "Not run" not in text
    for title, rows in (("valid (%)", 3), ("tonic first (%)", 3), ("KL(pi, pi*)", 3), ("distinct (%)", 3)):
        table = text[text.index(f"{title} |") :].partition("\n\n")[0].rstrip()
        assert table.count("\n") == 1 + rows
        assert [line.split()[1] for line in table.splitlines()[2:]] == ["prior", "psi", "g"]
    for row in ("psi, stored-states", "psi, bootstrap", "g, prior-logits"):
        assert re.search(rf"^\| {re.escape(row)} +\| +-?\d.*\| +1 \| +0 \|$", text, re.MULTILINE)
    for row in ("g, c = 1", "g, c = 1, 16 particles"):
        assert re.search(rf"^\| {re.escape(row)} +\| +-?\d", text, re.MULTILINE)
    evaluation = json.loads((tmp_path / "out" / "chain" / "sweep" / "g-c1-seed0" / "evaluation.json").read_text())
    (figures,) = evaluation.values()
    assert f"{figures['kl_optimum']['value']:.4g}" in text
    assert (tmp_path / "frontier-melodies.png").stat().st_size > 10_000
    assert (ROOT / "docs" / "results.md").read_bytes() == before

    monkeypatch.setattr(reproduce, "seqtutor", lambda args: pytest.fail(f"run again: {args}"))
    (tmp_path / "page.md").unlink()
    assert quick() == text
    with pytest.raises(pytest.fail.Exception, match="run again"):
        quick("--music", "99")


def test_an_interrupted_step_is_not_noted_and_the_next_call_begins_with_it(quick, monkeypatch):
    calls, codes = [], iter([0, 130, 0, 0])
    monkeypatch.setattr(reproduce, "seqtutor", lambda args: calls.append(args[0]) or next(codes))
    with pytest.raises(SystemExit) as stopped:
        quick("--stage", "melodies")
    assert stopped.value.code == 130
    quick("--stage", "melodies")
    assert calls == ["pretrain", "sweep", "sweep", "evaluate"]


def test_a_page_says_what_was_not_run(quick):
    text = quick("--stage", "page")
    assert re.findall(r"^##? .+", text, re.MULTILINE) == HEADINGS
    assert re.findall(r"reproduce --stage (\w+)", text) == ["page", *reproduce.STAGES[:-1]]


def test_an_unknown_stage_is_refused(quick, capsys):
    with pytest.raises(SystemExit) as stopped:
        quick("--stage", "melodies,moleclues")
    assert stopped.value.code == 2
    assert "no stage moleclues" in capsys.readouterr().err


def test_the_usage_of_the_script_names_the_options_there_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reproduce", "--help"])
    with pytest.raises(SystemExit):
        reproduce.options()
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    usage = re.search(r"^# usage: .+", (ROOT / "scripts" / "reproduce").read_text(), re.MULTILINE)[0]
    assert set(re.findall(r"--[a-z-]+", usage)) == options


def test_a_diverged_run_is_left_out_of_the_last_command(tmp_path):
    of = plan.Plan(plan.QUICK, tmp_path)
    run = tmp_path / "music" / "sweep" / "g-c8-seed1"
    run.mkdir(parents=True)
    (run / "summary.json").write_text('{"status": "diverged"}')
    *_, last = of.steps("melodies")
    assert [Path(arg).name for arg in last.args[1:-2]] == ["prior", "psi-c8-seed0", "g-c8-seed0", "psi-c8-seed1"]


def test_the_full_plan_has_every_variant_three_seeds_and_every_c():
    of = plan.Plan(plan.FULL, Path("out"))
    lines = {stage: [step.line for step in of.steps(stage)] for stage in plan.STAGES}
    for stage, groups in (("melodies", 3), ("molecules", 2)):
        sweeps = [line for line in lines[stage] if " sweep " in line]
        assert len(sweeps) == groups
        variants = [name for line in sweeps for name in re.search(r"--variants (\S+)", line)[1].split(",")]
        assert sorted(variants) == sorted(VARIANTS)
        assert all("--seeds 3" in line and "--num 100000 --particles 16" in line for line in sweeps)
    assert "--c 4,6,8,12,24 --particles 16" in lines["frontier"][-1]
    assert [("rate" in line, "variants pg " in line) for line in lines["melodies"] if " sweep " in line] == [
        (False, False), (True, True), (True, False),
    ]  # fmt: skip
    assert [step.ablation for step in of.steps("ablation")] == [""] * 4 + [*ablations.ABLATIONS]
    assert lines["page"] == []


@pytest.mark.parametrize("shift", [0.99, 1.01])
def test_a_star_needs_student_s_quantile_of_welch_s_degrees_of_freedom(shift):
    mean = mean_of_few([1.0, 2.0, 4.0])
    exact = Estimate(0.0, 0.0, 0.0, 100_000, 0.0)
    moved = replace(mean, value=shift * 4.302653 * mean.error)  # the quantile of 2 degrees of freedom
    assert results.differs(moved, exact) == results.differs(exact, moved) == (shift > 1)
    equal = Estimate(0.0, None, None, 3, mean.error)  # two of three runs: 4 degrees of freedom
    moved = replace(mean, value=shift * 2.776445 * math.sqrt(2) * mean.error)
    assert results.differs(moved, equal) == (shift > 1)


def test_no_star_without_an_error():
    assert results.differs(mean_of_few([1.0]), Estimate(0.0, None, None, 5)) is None
    same, other = (Estimate(value, value, value, 9, 0.0) for value in (1.0, 2.0))
    assert (results.differs(same, same), results.differs(same, other)) == (False, True)


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [(92.283, 1.31, "92.3 ± 1.3"), (-580.1, 14.0, "-580 ± 14"), (0.123456, 0.00123, "0.1235 ± 0.0012"), (5, 0, "5"),
     (3e-7, 1.2e-6, "3.0e-07 ± 1.2e-06"), (3.637, 1.6e-5, "3.637000 ± 0.000016"), (0.9483831, 3e-16, "0.9484")],
)  # fmt: skip
def test_an_interval_has_two_digits_and_the_value_as_many_decimals(value, half, text):
    assert page._cell(Estimate(value, value - half, value + half, 3, half)) == text


def minibatch(lengths, seed=0):
    rng, n = np.random.default_rng(seed), len(lengths)
    tokens = rng.integers(0, ACTIONS, (n, LENGTH)).astype(np.int32)
    reward, log_prior = rng.normal(size=(2, n, LENGTH)).astype(np.float32)
    return [tokens, np.array(lengths, np.int32), np.zeros((n, 0), np.int32), reward, log_prior, np.ones(n, np.float32)]


def learner_of(cls, name="psi"):
    return cls(VARIANTS[name], make_prior(), settings(name, trace=0.0).tune, seed=0, begin=ACTIONS)


def loss_and_gradients(learner, rows):
    tokens, lengths, *rest = (tf.constant(array) for array in rows)
    with tf.GradientTape() as tape:
        output = learner.loss(tokens, tf.sequence_mask(lengths, LENGTH, tf.float32), *rest)
    gradients = tape.gradient(output.loss, learner.online.variables, unconnected_gradients="zero")
    return output, np.concatenate([np.ravel(gradient) for gradient in gradients])


def with_states(learner, rows):
    learner._states = tf.constant(learner.states({"tokens": rows[0], "primer": rows[2]}))
    return learner


@pytest.mark.parametrize("lengths", [[LENGTH] * 6, [1, 2, LENGTH], [1, 1]])
def test_fresh_stored_states_give_the_loss_of_whole_sequences_with_gradients_one_step_deep(lengths):
    rows = minibatch(lengths)
    whole, deep = loss_and_gradients(learner_of(Learner), rows)
    stored, shallow = loss_and_gradients(with_states(learner_of(ablations.StoredStatesLearner), rows), rows)
    np.testing.assert_allclose(stored.td_error, whole.td_error, atol=1e-5)
    assert float(stored.loss) == pytest.approx(float(whole.loss), abs=1e-6)
    assert np.allclose(deep, shallow, atol=1e-6) == (max(lengths) == 1)


def test_stored_states_go_stale_when_the_weights_move():
    rows = minibatch([LENGTH] * 4)
    stored, whole = with_states(learner_of(ablations.StoredStatesLearner), rows), learner_of(Learner)
    for learner in (stored, whole):
        recurrent = learner.online.weights["layer0/recurrent"]
        recurrent.assign(recurrent + 0.3)
    errors = [np.abs(loss_and_gradients(learner, rows)[0].td_error) for learner in (stored, whole)]
    np.testing.assert_allclose(errors[0][:, 0], errors[1][:, 0], atol=1e-5)  # nothing was read yet
    assert (np.abs(errors[0] - errors[1])[:, 1:].max(axis=1) > 1e-3).all()


def test_bootstrapping_adds_the_value_behind_the_last_token_and_nothing_else():
    rows = minibatch([LENGTH] * 5)
    ablated, learner = learner_of(ablations.BootstrapLearner), learner_of(Learner)
    for each in (ablated, learner):
        each.target.weights["value/bias"].assign([0.7])
    inputs = tf.concat([shift_right(rows[0], ACTIONS), rows[0][:, -1:]], axis=1)
    scores = learner.target.unroll(inputs)
    psi = VARIANTS["psi"].action_values(scores.logits, scores.value)
    behind = tf.reduce_logsumexp(psi[:, -1], axis=-1)
    output, plain = loss_and_gradients(ablated, rows)[0], loss_and_gradients(learner, rows)[0]
    discount = settings("psi").tune.discount
    np.testing.assert_allclose(output.target[:, :-1], plain.target[:, :-1], atol=1e-5)
    np.testing.assert_allclose(output.target[:, -1] - plain.target[:, -1], discount * behind, atol=1e-5)
    assert np.abs(behind).min() > 0.1


def test_g_from_the_prior_s_logits_starts_as_the_prior_squared(monkeypatch):
    prior = make_prior()
    with ablations.applied("prior-logits"):
        tuner = loop.Tuner(settings("g"), LINE, prior, REWARD)
    assert tuner_module.Learner is Learner
    everything = Sampler(tuner.policy, LINE.vocabulary, LENGTH, Exploration()).draw(
        np.random.default_rng(0).random((20, LENGTH), np.float32), np.zeros((20, 0), np.int32)
    )
    first = prior.unroll(tf.constant([[ACTIONS]])).logits[0, 0]
    expected = tf.nn.log_softmax(2 * first).numpy()
    np.testing.assert_allclose(everything.log_prob[:, 0], expected[everything.tokens[:, 0]], atol=1e-5)
    assert np.abs(log_probs(tuner.policy) - log_probs(Policy(prior))).max() > 0.1


def test_the_states_stored_are_those_of_the_weights_that_drew():
    with ablations.applied("stored-states"):
        tuner = loop.Tuner(settings("psi"), LINE, make_prior(), REWARD)
    for number in range(3):
        weights = tuner.learner.online.get()
        tuner.round(number)
    drew = make_prior()
    drew.set(weights)
    rows = tuner.snapshot(3).group("replay")
    tokens, states = rows["0/rows/tokens"][-5:], rows["0/rows/states"][-5:]
    state = drew.initial_state(5)
    for t, token in enumerate(shift_right(tf.constant(tokens), ACTIONS).numpy().T):
        np.testing.assert_allclose(states[:, t], np.concatenate(state, axis=1), atol=1e-5)
        _, state = drew.step(tf.constant(token), state)
    assert np.abs(tuner.learner.online.get()["layer0/recurrent"] - weights["layer0/recurrent"]).max() > 1e-4


def test_a_tuner_with_stored_states_learns_and_resumes_to_the_bit():
    with ablations.applied("stored-states"):
        whole, broken, resumed = (loop.Tuner(settings("psi"), LINE, make_prior(), REWARD) for _ in range(3))
    before = whole.learner.online.get()
    for number in range(3):
        whole.round(number)
    for number in range(2):
        broken.round(number)
    resumed.restore(broken.snapshot(2))
    resumed.round(2)
    one, other = whole.snapshot(3).arrays, resumed.snapshot(3).arrays
    assert one.keys() == other.keys()
    assert one["replay/0/rows/states"].shape[1] == LENGTH
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
    assert any(np.abs(before[name] - array).max() > 1e-4 for name, array in whole.learner.online.get().items())
