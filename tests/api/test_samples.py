"""sample from Python, and what it gives: Samples."""

import re

import numpy as np
import pandas as pd
import pytest

import seqtutor as st
from seqtutor.api.samples import SHOWN
from seqtutor.cli.main import run as command
from seqtutor.domains import make_domain
from tests.api.test_training import error_of

MELODY = "C4 hold E4 off G4 hold hold off"


def samples_of(domain, texts):
    """Samples of a domain with a fixed vocabulary, or of one that these texts make."""
    of = make_domain({"name": domain})
    of = of.with_vocabulary(symbol for text in texts for symbol in of.tokenize(text))
    rows = [
        {"file": None, "text": text, "primer": "", "tokens": " ".join(map(str, of.encode(text))),
         "log_prior": np.float32(-1.5), "log_prob": np.float32(-1.25), "total": np.float32(i)}
        for i, text in enumerate(texts)
    ]  # fmt: skip
    return st.Samples(of, rows)


def test_the_rows_in_memory_are_those_in_the_folder(tuned, tmp_path):
    held = tuned.sample(20, seed=5, settings={"sample.batch": 8}, quiet=True)
    written = st.sample(
        str(tuned.path), 20, seed=5, settings={"sample.batch": 8}, reward=tuned.reward, out=tmp_path, quiet=True
    )
    assert (held.folder, written.folder) == (None, tmp_path)
    pd.testing.assert_frame_equal(held.to_pandas(), written.to_pandas(), check_exact=True)
    assert list(held.to_pandas()) == ["text", "primer", "tokens", "log_prior", "log_prob", "count_a", "total"]
    held.save(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "samples.csv").read_bytes()


def test_particles(tuned, tmp_path):
    """The rows have the weight of each population; see evaluation.sample."""
    how = {"particles": 4, "c": 0.5, "quiet": True}
    held, written = tuned.sample(9, **how), tuned.sample(9, out=tmp_path, **how)
    pd.testing.assert_frame_equal(held.to_pandas(), written.to_pandas(), check_exact=True)
    assert "log_weight" in held.to_pandas()
    assert list(held) != list(tuned.sample(9, quiet=True))


@pytest.mark.parametrize("run", ["prior", "tuned"])
def test_the_command_and_the_function_write_the_same(run, request, tmp_path):
    path = request.getfixturevalue(run).path
    args = ["sample", str(path), "--num", "9", "--seed", "2", "--reward", "random:2", "--temperature", "0.7"]
    assert command([*args, "--format", "npz", "--out", str(tmp_path / "command"), "--quiet"]) == 0
    st.sample(path, 9, seed=2, reward="random:2", temperature=0.7, format="npz", out=tmp_path / "function", quiet=True)
    for name in ("samples.csv", "samples.npz"):
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "function" / name).read_bytes()


def test_a_sequence_of_texts(tuned):
    drawn = tuned.sample(7, quiet=True)
    texts = drawn.to_pandas()["text"].tolist()
    assert (len(drawn), list(drawn), drawn[:3], drawn[-1]) == (7, texts, texts[:3], texts[-1])
    assert drawn[np.int64(2)] == texts[2]
    assert texts[4] in drawn and drawn.index(texts[0]) == 0 and list(reversed(drawn)) == texts[::-1]
    with pytest.raises(IndexError):
        drawn[7]
    assert drawn[:2] == list(tuned.sample(2, quiet=True))  # fewer are the first of many
    drawn.to_pandas().insert(0, "mine", 1)
    assert "mine" not in drawn.to_pandas()  # the table was a copy
    tokens, lengths = drawn.tokens
    assert [tuned.domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)] == texts


def test_sequences_of_different_lengths_and_an_empty_one(make_run, tmp_path):
    run = st.load_run(make_run())
    how = {"num": 60, "temperature": 3.0, "quiet": True}
    drawn, written = run.sample(**how), run.sample(**how, out=tmp_path / "there", format="txt")
    tokens, lengths = drawn.tokens
    assert len(set(lengths)) > 3
    assert "" in drawn
    assert [run.domain.decode(row[:n]) for row, n in zip(tokens, lengths, strict=True)] == list(drawn)
    assert (tokens[np.arange(tokens.shape[1]) >= lengths[:, None]] == run.domain.vocabulary.pad).all()
    assert set(written.to_pandas()["file"]) == {"words.txt"}
    pd.testing.assert_frame_equal(drawn.to_pandas(), written.to_pandas().drop(columns="file"), check_exact=True)


def test_primers(make_run, tmp_path):
    run = st.load_run(make_run(domain="stems"))
    table = run.sample(5, primer="da", quiet=True).to_pandas()
    assert (table["primer"] == "da").all() and table["text"].str.startswith("da").all()


def test_saving_one_file_for_all(make_run, tmp_path):
    drawn = st.load_run(make_run()).sample(3, quiet=True)
    assert drawn.save(tmp_path / "new/words.txt") == [tmp_path / "new/words.txt"]
    assert (tmp_path / "new/words.txt").read_text().splitlines() == list(drawn)
    assert drawn.save(str(tmp_path / "tokens.npz")) == [tmp_path / "tokens.npz"]
    with np.load(tmp_path / "tokens.npz") as arrays:
        for ours, theirs in zip((arrays["tokens"], arrays["lengths"]), drawn.tokens, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "runs", "tokens.npz"]


def test_saving_a_file_each(tmp_path):
    one, three = samples_of("music", [MELODY]), samples_of("music", [MELODY, "C4 E4 G4", "off off off C5"])
    assert one.save(tmp_path / "x.mid") == [tmp_path / "x.mid"]
    names = three.save(tmp_path / "x.mid")
    assert [path.name for path in names] == ["x-00001.mid", "x-00002.mid", "x-00003.mid"]
    assert names[0].read_bytes() == (tmp_path / "x.mid").read_bytes()
    found = st.score(tmp_path, domain="music", quiet=True)
    assert found["name"].tolist() == ["x-00001.mid", "x-00002.mid", "x-00003.mid", "x.mid"]
    assert len(list(tmp_path.iterdir())) == 4


def test_what_is_saved_can_be_judged_again(tuned, tmp_path):
    drawn = tuned.sample(6, quiet=True)
    drawn.save(tmp_path / "words.csv")
    table = st.score(tmp_path / "words.csv", model=tuned, reward=tuned.reward, quiet=True)
    np.testing.assert_allclose(table["log_prob"], drawn.to_pandas()["log_prob"], rtol=1e-5)
    np.testing.assert_array_equal(table["total"], drawn.to_pandas()["total"])


def test_sample_refuses(prior, tuned, tmp_path, monkeypatch):
    for num in (0, -3):
        assert f"num is {num}; give 1 or more" in error_of(tuned.sample, num)
    assert "seed is -1; give 0 or more" in error_of(tuned.sample, 2, seed=-1)
    assert "give out=" in error_of(tuned.sample, 2, format="npz")
    assert "unknown format 'mid' in domain chain" in error_of(tuned.sample, 2, format="mid", out=tmp_path)
    assert "only sample.* and evaluate.* can be changed" in error_of(tuned.sample, 2, settings={"model.units": 9})
    assert "sample.temperature is 0.0" in error_of(tuned.sample, 2, temperature=0.0)
    assert "is not a run folder" in error_of(st.sample, tmp_path, 2)
    drawn = prior.sample(2, quiet=True)
    for path in ("x.mid", "x"):
        assert "in domain chain; did you mean csv, npz, parquet?" in error_of(drawn.save, tmp_path / path)
    (tmp_path / "file").write_text("")
    assert "cannot write to folder" in error_of(drawn.save, tmp_path / "file" / "x.csv")


# In a notebook


def test_a_notebook_shows_the_first_ones(prior):
    page = prior.sample(SHOWN + 3, quiet=True)._repr_html_()
    assert f"{SHOWN + 3} samples of chain; the first {SHOWN}:" in page
    assert page.count("<code>") == page.count("<figure") == SHOWN
    drawn = prior.sample(2, quiet=True)
    page = drawn._repr_html_()
    assert "2 samples of chain:" in page
    total = drawn.to_pandas()["total"][1]
    assert all(f"<code>{text}</code>" in page for text in drawn) and f"reward {total:.4g}" in page


def test_a_notebook_shows_melodies_to_look_at_and_to_play():
    page = samples_of("music", [MELODY])._repr_html_()
    assert page.count('<svg class="roll"') == page.count('src="data:audio/wav;base64,') == 1
    assert "http" not in page
    assert len(page) < 250_000


def test_a_notebook_shows_structures():
    page = samples_of("molecules", ["CCO", "c1ccccc1", "C1CC"])._repr_html_()
    assert page.count('<svg class="molecule"') == 2
    assert "not valid" in page
    assert re.search(r"<dt>qed</dt><dd>0\.\d+</dd>", page)
