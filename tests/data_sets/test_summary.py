"""What `data info` says and draws: exact counts and quartiles, and pictures of odd data."""

import struct

import numpy as np
import pytest

from seqtutor.data import corpus, summary
from seqtutor.domains.molecules import Molecules
from seqtutor.domains.music import Music
from seqtutor.domains.statistics import Property
from tests.support.toy import Toy, word_list


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))


def loaded(tmp_path, *words):
    return corpus.load(Toy(), word_list(tmp_path, *words))


def size(png) -> tuple[int, int]:
    """Width and height of a PNG."""
    return struct.unpack(">II", png.read_bytes()[16:24])


@pytest.mark.parametrize("block", [1, 2, 100])
def test_tokens_are_counted_in_blocks(tmp_path, monkeypatch, block):
    data = loaded(tmp_path, "abba", "ca")
    monkeypatch.setattr(summary, "BLOCK", block)
    counts = dict(zip(data.vocabulary.symbols, summary.token_counts(data).tolist(), strict=True))
    assert counts == {".": 2, "a": 3, "b": 2, "c": 1}


def test_properties_are_those_of_a_sample_fixed_by_the_seed(tmp_path, monkeypatch):
    data = loaded(tmp_path, *(letter * number for letter in "abc" for number in range(1, 11)))
    none = Property("none", np.zeros(0))
    monkeypatch.setattr(Toy, "properties", lambda self, texts: [Property("size", np.array([*map(len, texts)])), none])
    (whole,) = summary.properties(data, seed=0)
    assert sorted(whole.values) == sorted(len(text) for text in data.texts())
    monkeypatch.setattr(summary, "SAMPLE", 5)
    one, again, other = (summary.properties(data, seed)[0].values.tolist() for seed in (1, 1, 2))
    assert one == again != other and len(one) == 5


def test_quartiles_name_what_has_a_name():
    pitch = Property("pitch", np.array([60, 61, 61, 62, 63]), {60: "C4", 61: "C#4", 63: "D#4"})
    weight = Property("weight (g/mol)", np.array([12.3456, 1234.5]))
    rows = [line.split() for line in summary.quartiles([pitch, weight]).splitlines()]
    assert rows[1] == ["pitch", "C4", "C#4", "C#4", "62", "D#4"]
    assert rows[2][2:4] == ["12.3", "12.3"] and rows[2][-1] == "1,234"


@pytest.mark.parametrize(
    "values",
    [
        [3],
        [2.5],
        [0.1, 0.9, 0.4],
        [-7, 5, 5],
        list(range(1000)),
        [1, 2] * 200 + [10_000],
        np.random.default_rng(0).normal(size=300).tolist(),
    ],
)
def test_a_histogram_has_every_value_but_for_a_long_tail(values):
    values = np.array(values)
    edges = summary._edges(values)
    counts, _ = np.histogram(values, edges)
    assert len(values) - counts.sum() <= 2 * summary.TAIL * len(values)
    assert len(counts) <= summary.BINS + 1 and np.allclose(np.diff(edges), edges[1] - edges[0])
    if (values == values.round()).all():
        assert (edges % 1 == 0.5).all()  # no whole number on the border of two bars


def test_pictures(tmp_path):
    """Without the hook there are two panels; symbols that matplotlib or a font could trip over are drawn too."""
    data = loaded(tmp_path, "ab", "bad")
    summary.draw(data, summary.properties(data, 0), tmp_path / "two.png")
    odd = corpus.load(Odd(), word_list(tmp_path, "$a$", "_^{", name="odd.txt"))
    several = [Property("constant", np.full(3, 2.5)), Property("named", np.arange(40), dict(enumerate("x" * 40)))]
    summary.draw(odd, several, tmp_path / "more.png")
    assert size(tmp_path / "two.png")[0] < size(tmp_path / "more.png")[0]


class Odd(Toy):
    """Any character is a letter."""

    def tokenize(self, text):
        return [" ", *text, f"${text}$"]


def test_properties_of_melodies():
    pitch, duration, notes = Music().properties(["C4 hold E4 off", "hold hold", "G4 hold hold hold"])
    assert [pitch.ticks[value] for value in pitch.values] == ["C4", "E4", "G4"]
    assert duration.values.tolist() == [2, 1, 4]
    assert notes.values.tolist() == [2, 0, 1]


def test_properties_of_molecules():
    found = {each.name: each.values for each in Molecules().properties(["c1ccccc1", "C1CC(N", "CCO"])}
    assert list(found) == ["QED", "logP", "SA", "weight (g/mol)", "rings"]
    assert found["rings"].tolist() == [1, 0]  # the one that is no molecule is left out
    assert found["weight (g/mol)"] == pytest.approx([78.11, 46.07], abs=0.01)
