"""What sequences begin with: files of scaffolds, each whole, whatever their lengths; bad ones told and left out."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from seqtutor.cli.main import run as command
from seqtutor.config import from_tree
from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError
from seqtutor.evaluation.draw import Draw, draw
from seqtutor.policy.primers import NONE, Primer
from seqtutor.runs.run import load_run
from seqtutor.tuning.tuner import Tuner
from tests.conftest import Stems, Words
from tests.support.commands import error_of
from tests.support.toy import word_list

STEMS = ("dab", "c", "ab", "d")
RNG = np.random.default_rng(0)
KEEPS, DROPS = Stems().with_vocabulary("abcd"), Words().with_vocabulary("abcd")


def texts(domain, rows):
    return [domain.decode(row[row != NONE]) for row in rows]


def test_scaffolds_are_whole_and_openings_are_cut_to_the_shortest(tmp_path):
    path = word_list(tmp_path, "dab", "cd", "ab", name="stems.txt")
    assert texts(KEEPS, Primer(KEEPS, path).draw(4, RNG, first=2)) == ["ab", "dab", "cd", "ab"]
    assert Primer(KEEPS, path).lengths == 2
    assert texts(DROPS, Primer(DROPS, path).draw(4, RNG)) == ["da", "cd", "ab", "da"]
    assert Primer(DROPS, path).lengths == 1


def test_the_lengths_take_turns(tmp_path):
    primer = Primer(KEEPS, word_list(tmp_path, *STEMS))
    rounds = [texts(KEEPS, primer.draw_equal(3, RNG, turn)) for turn in range(5)]
    assert rounds == [["dab"] * 3, ["c", "d", "c"], ["ab"] * 3, ["c", "d", "c"], ["dab"] * 3]


def test_bad_ones_among_many_are_left_out(tmp_path):
    path = word_list(tmp_path, "dab", "x", "", "abcde", "abcd", "dabcab", "ab", "cd")
    primer = Primer(KEEPS, path)
    assert texts(KEEPS, primer.draw(4, RNG)) == ["dab", "abcd", "ab", "cd"]
    assert [tuple(item) for item in primer.rejected] == [
        ("words.txt:2", "no letter: 'x'"), ("words.txt:3", "blank"), ("words.txt:4", "unknown token 'e'"),
        ("words.txt:6", "6 tokens; a sequence has at most 6"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "says"),
    [(("x", "ab", "e"), "2 of 3 are bad; the first is words.txt:1: no letter: 'x'"), ((), "no sequence in it")],
)
def test_a_file_that_is_no_use(tmp_path, lines, says):
    path = word_list(tmp_path, *lines)
    with pytest.raises(UserError) as caught:
        Primer(KEEPS, path)
    assert str(caught.value) == f"primer {path}: {says}"


@pytest.mark.parametrize("spec", ["ab" * 400, "abcabc"])
def test_a_text_that_is_too_long_for_a_sequence_or_a_file_name(spec):
    with pytest.raises(UserError, match=f"{len(spec)} tokens; a sequence has at most 6; give `start`"):
        Primer(KEEPS, spec)


def test_every_scaffold_is_drawn_from_as_if_it_were_alone(make_run, tmp_path):
    run = load_run(make_run(domain="stems"))
    (mixed,) = draw(run, Draw(16, 3, 16, primer=word_list(tmp_path, *STEMS)))
    for number, stem in enumerate(STEMS):
        (alone,) = draw(run, Draw(16, 3, 16, primer=stem))
        for many, few in zip(
            (*mixed.sequences, mixed.drawn_lengths), (*alone.sequences, alone.drawn_lengths), strict=True
        ):
            np.testing.assert_allclose(many[number::4], few[number::4], atol=1e-6)
    assert mixed.primers.shape == (16, 0)


def test_samples_csv_tells_the_scaffolds_apart(make_run, tmp_path):
    run = make_run(domain="stems")
    path = word_list(tmp_path, *STEMS, "x")
    assert command(["sample", str(run), "--num", "8", "--primer", path, "--out", str(tmp_path), "--quiet"]) == 0
    table = pd.read_csv(tmp_path / "samples.csv")
    assert table.primer.tolist() == [*STEMS, *STEMS]
    assert all(text.startswith(primer) for text, primer in zip(table.text, table.primer, strict=True))
    assert pd.read_csv(tmp_path / "rejected.csv").values.tolist() == [["words.txt:5", "no letter: 'x'"]]


def config(primer, **tune):
    settings = {"batch": 8, "minibatch": 4, "buffer": 24, "rounds": 6, "primer": primer, **tune}
    return from_tree({"domain": {"name": "stems"}, "model": {"units": 8}, "tune": settings}, "test")


def tuner_of(prior, primer, **tune):
    return Tuner(config(primer, **tune), prior.domain, prior.policy.prior, make_reward(prior.domain, "a"))


def test_a_run_tunes_all_scaffolds_and_a_resumed_one_goes_on_to_the_bit(make_run, tmp_path):
    """The buffer is shared among the three lengths, but none holds less than a round."""
    prior, path = load_run(make_run(domain="stems")), word_list(tmp_path, *STEMS)
    whole, resumed = tuner_of(prior, path), tuner_of(prior, path)
    for number in range(4):
        whole.round(number)
    before = whole.snapshot(4)
    resumed.restore(before)
    for number in range(4, 6):
        assert whole.round(number)[0] == resumed.round(number)[0]
    after = whole.snapshot(6)
    for name, array in resumed.snapshot(6).arrays.items():
        np.testing.assert_array_equal(array, after.arrays[name], err_msg=name)
    primers = {length: after.arrays[f"replay/{length}/rows/primer"] for length in (1, 2, 3)}
    assert {length: set(texts(prior.domain, rows)) for length, rows in primers.items()} == {
        1: {"c", "d"}, 2: {"ab"}, 3: {"dab"},
    }  # fmt: skip
    assert all(rows.shape == (8, length) for length, rows in primers.items())


def test_what_is_learned_from_a_scaffold_is_what_was_drawn(make_run, tmp_path):
    """log p of the tokens behind each scaffold, given it: the prior's own, recomputed."""
    prior = load_run(make_run(domain="stems"))
    tuner = tuner_of(prior, word_list(tmp_path, "dab", "c"))
    for number in range(2):
        tuner.round(number)
    for length in (1, 3):
        rows = tuner.snapshot(2).group(f"replay/{length}/rows")
        log_prior = prior.policy.log_probs(tf.constant(rows["tokens"]), tf.constant(rows["primer"]))[1].numpy()
        counts = np.arange(rows["tokens"].shape[1]) < rows["lengths"][:, None]
        np.testing.assert_allclose(rows["log_prior"], np.where(counts, log_prior, 0), atol=1e-5)


def test_a_primer_that_is_no_use_leaves_no_run(make_run, tmp_path, capsys):
    """So that the command can be given again once it is mended."""
    path, prior = tmp_path / "config.yaml", make_run(domain="stems")
    path.write_text("domain: {name: stems}\ntune: {rounds: 1, batch: 4, minibatch: 4}\n")
    args = ["tune", str(path), "--prior", str(prior), "--out", str(tmp_path / "tuned"), "--set"]
    bad, good = word_list(tmp_path, "x"), word_list(tmp_path, "ab", "cd", "x", name="good.txt")
    assert "1 of 1 are bad" in error_of(capsys, *args, f"tune.primer={bad}")
    assert not (tmp_path / "tuned").exists()
    assert command([*args, f"tune.primer={good}"]) == 0
    assert f"left out 1 of the primers in {good}" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "tuned" / "rejected.csv").reason.tolist() == ["no letter: 'x'"]
