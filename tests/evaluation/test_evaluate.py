"""Figures of runs and files: exact where they can be, the same as the draws' own, and written without NaN."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from seqtutor.data.sequence_files import SequenceFile
from seqtutor.domains.reward_spec import make_reward
from seqtutor.evaluation.draw import Draw, draw
from seqtutor.evaluation.evaluate import Study, Subject, measure
from seqtutor.evaluation.results import as_text, write_results
from seqtutor.runs.run import load_run
from seqtutor.stats.estimate import Estimate, RatioSums


def study(num=40, reward="a:2,b:-1", reference=None):
    return Study(num, 3, lambda domain: make_reward(domain, reward), reference)


@pytest.fixture(scope="module")
def estimates():
    """Three subjects, made by hand: the second differs in `x`, the third lacks `y`."""
    return {
        "first": {"x": Estimate(1.0, 0.9, 1.1, 50, 0.05), "y": Estimate(2.0, None, None, 50)},
        "second": {"x": Estimate(1.5, 1.4, 1.6, 50, 0.05), "y": Estimate(float("nan"), None, None, 0)},
        "third": {"x": Estimate(1.01, 0.9, 1.2, 50, 0.05)},
    }


def test_a_prior_has_no_divergence_from_itself(make_run):
    run = load_run(make_run())
    result = measure([Subject("p", run)], study(), quiet=True)["p"]
    for name in ("kl_sequence", "kl_token"):
        assert (result[name].value, result[name].error) == (0.0, 0.0)
    assert result["nll_policy"] == result["nll_prior"]
    assert result["objective"].value == pytest.approx(result["reward"].value / run.config.tune.c)


def test_figures_are_those_of_the_draws(make_run):
    """Every figure from the drawn arrays, by the formulas of the module; primers that are kept do not count."""
    run = load_run(make_run(variant="psi", domain="stems", c=0.5, primer="da"))
    result = measure([Subject("t", run)], study(num=40), quiet=True)["t"]
    batches = list(draw(run, Draw(40, 3, 16, primer=run.primer)))
    count = np.concatenate([batch.drawn_lengths for batch in batches])
    sums = {
        name: np.concatenate([getattr(batch.sequences, name).sum(axis=1) for batch in batches])
        for name in ("log_prob", "log_prior", "kl", "entropy")
    }
    texts = [
        run.domain.decode(row[:n])
        for batch in batches
        for row, n in zip(batch.sequences.tokens, batch.sequences.lengths, strict=True)
    ]
    reward = np.mean([2 * text.count("a") - text.count("b") for text in texts])
    expected = {
        "reward": reward,
        "reward_a": np.mean([text.count("a") for text in texts]),
        "reward_b": np.mean([text.count("b") for text in texts]),
        "objective": reward / 0.5 - sums["kl"].mean(),
        "kl_sequence": sums["kl"].mean(),
        "kl_token": sums["kl"].sum() / count.sum(),
        "entropy": sums["entropy"].sum() / count.sum(),
        "nll_policy": -sums["log_prob"].sum() / count.sum(),
        "nll_prior": -sums["log_prior"].sum() / count.sum(),
        "length": np.mean(count + 2),
    }
    for name, value in expected.items():
        assert result[name].value == pytest.approx(value, rel=1e-5), name
        assert result[name].low < result[name].value < result[name].high
    assert "share of a" in result
    assert result["kl_sequence"].value > 0


def test_a_file_has_rewards_and_statistics_only(words, word_file, make_run):
    given = SequenceFile(load_run(make_run()).domain, word_file, own_vocabulary=True)
    result = measure([Subject("f", given)], study(reference={"bad", "cab"}), quiet=True)["f"]
    assert list(result) == ["reward", "reward_a", "reward_b", "length", "share of a", "novel"]
    assert result["reward"].value == pytest.approx((1 + 1 + 4 + 2 - 1) / 5)
    assert result["length"].value == pytest.approx((4 + 4 + 5 + 5 + 4) / 5)
    assert result["novel"].value == pytest.approx(3 / 5)
    assert [item.name for item in given.rejected] == ["words.txt:3"]


def test_the_interval_of_the_reward_is_that_of_its_mean(make_run):
    run = load_run(make_run())
    result = measure([Subject("p", run)], study(num=30), quiet=True)["p"]
    sums = RatioSums()
    for batch in draw(run, Draw(30, 3, 16)):
        texts = [run.domain.decode(row) for row in batch.sequences.tokens]
        sums.add(np.array([2 * text.count("a") - text.count("b") for text in texts]))
    assert dataclasses.astuple(result["reward"]) == pytest.approx(dataclasses.astuple(sums.estimate()))


def test_json_and_csv_say_the_same(estimates, tmp_path):
    write_results(estimates, tmp_path)
    tree = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(tree) == ["first", "second", "third"]
    assert tree["first"]["x"] == {"value": 1.0, "low": 0.9, "high": 1.1, "n": 50}
    assert tree["second"]["y"] == {"value": None, "low": None, "high": None, "n": 0}
    table = pd.read_csv(tmp_path / "evaluation.csv")
    assert list(table) == ["run", "metric", "value", "low", "high", "n", "p"]
    for row in table.itertuples():
        entry = tree[row.run][row.metric]
        assert (row.value == entry["value"]) or (np.isnan(row.value) and entry["value"] is None)
    p = table[table.metric == "x"].set_index("run").p
    assert np.isnan(p["first"])
    assert p["second"] == pytest.approx(1.5e-12, rel=0.1)  # z = 0.5 / (0.05 sqrt 2) = 7.07
    assert p["third"] == pytest.approx(0.888, abs=1e-3)  # z = 0.141


def test_the_table_marks_what_differs(estimates):
    lines = as_text(estimates, 2.0).splitlines()
    assert lines[0].split() == ["first", "second", "third"]
    assert lines[1].split("  ")[0] == "x"
    assert lines[1].count("*") == 1
    assert "1.5 [1.4, 1.6] *" in lines[1]
    assert lines[2].split() == ["y", "2", "-", "-"]
    assert "Welch" in lines[-1]
    assert "Welch" not in as_text({"first": estimates["first"]}, None)
