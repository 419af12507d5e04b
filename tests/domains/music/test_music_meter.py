"""Meters and lengths: rules, drawings and files follow them; and all options together, as users type them."""

from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import yaml
from matplotlib.image import imread

from seqtutor.cli.main import run
from seqtutor.domains.music import Music
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.reward import MusicTheory
from seqtutor.domains.music.rules import rules_in
from seqtutor.domains.music.scale import C_MAJOR, Scale
from seqtutor.domains.music.tokens import SYMBOLS
from seqtutor.errors import UserError
from tests.support.melodies import literal_motif
from tests.support.places import DATA
from tests.support.terms import terms

GOLDEN = np.load(DATA / "magenta_rewards.npz", allow_pickle=False)["tokens"].astype(np.int32)
D_DORIAN = Scale.named("D", "dorian")
WALTZ = {"key": "D", "mode": "dorian", "meter": "3/4"}


def tokens_of(*melodies: str) -> np.ndarray:
    """Tokens [N, T] of melodies as text."""
    return np.array([[SYMBOLS.index(symbol) for symbol in melody.split()] for melody in melodies], np.int32)


# --- rules ---


@pytest.mark.parametrize(
    ("signature", "bar", "beat"),
    [
        ("4/4", 16, 4), ("3/4", 12, 4), ("2/4", 8, 4), ("5/4", 20, 4), ("2/2", 16, 8), ("6/8", 12, 6), ("9/8", 18, 6),
        ("12/8", 24, 6), ("3/8", 6, 2), ("7/8", 14, 2), ("6/4", 24, 12), ("16/2", 128, 8),
    ],
)  # fmt: skip
def test_bars_and_beats(signature, bar, beat):
    meter = Meter.named(signature)
    assert (meter.bar, meter.beat, str(meter)) == (bar, beat, signature)


@pytest.mark.parametrize("signature", ["3/5", "0/4", "17/8", "3", "waltz", "3/4 ", ""])
def test_what_is_no_meter_is_refused(signature):
    with pytest.raises(UserError) as refused:
        Music({"meter": signature})
    assert str(refused.value).startswith(f"domain.meter is {signature!r}: give 1 to 16 halves, quarters or eighths")


@pytest.mark.parametrize(
    ("meter", "melody", "earned"),
    [
        (Meter(3, 4), "C4 C4 C4 C4 hold off", "3 0 3 0 3 3"),  # the last quarter begins at T - 4
        (Meter(6, 8), "D4 D4 D4 D4 D4 D4 D4 hold off off", "3 0 0 0 3 0 0 3 3 3"),  # the dotted quarter at T - 6
        (Meter(6, 8), "off D4 D4 off hold hold hold hold hold", "0 0 0 0 3 3 3 3 3"),
        (Meter(7, 8), "C4 C4 C4 hold", "3 0 3 3"),  # an eighth: T - 2
        (Meter(6, 8), "off hold", "3 3"),
        (Meter(6, 8), "D4", "3"),
    ],
)
def test_the_tonic_stands_on_the_last_beat(meter, melody, earned):
    scale = D_DORIAN if "D4" in melody else C_MAJOR
    assert rules_in(scale, meter)["tonic"](tokens_of(melody))[0].tolist() == [float(x) for x in earned.split()]


def test_a_motif_is_half_a_bar():
    melody = tokens_of("C4 D4 E4 hold hold hold " * 2)
    three_four, four_four = rules_in(C_MAJOR, Meter(3, 4)), rules_in(C_MAJOR, COMMON_TIME)
    assert three_four["motif"](melody)[0].tolist() == [0] * 5 + [3] * 7
    assert three_four["repeated_motif"](melody)[0].tolist() == [0] * 11 + [4]
    assert four_four["motif"](melody)[0].tolist() == [0] * 7 + [3] * 5
    assert not four_four["repeated_motif"](melody).any()


@pytest.mark.parametrize("length", [1, 3, 8, 48, 64, 128])
@pytest.mark.parametrize("signature", ["3/8", "2/4", "6/8", "7/8", "5/4", "12/8", "16/2"])
def test_motifs_match_a_literal_reading(signature, length):
    rng, meter = np.random.default_rng(length), Meter.named(signature)
    figure = rng.choice([1, 14, 16, 18, 21], meter.bar // 2 + 1)
    tokens = np.array([np.resize(figure, length), rng.choice([1, 14, 16, 18], length)], np.int32)
    for name in ("motif", "repeated_motif"):
        wanted = [
            [literal_motif(row[:t], row[t], name != "motif", meter.bar // 2) for t in range(length)]
            for row in tokens.tolist()
        ]
        np.testing.assert_allclose(rules_in(C_MAJOR, meter)[name](tokens), wanted, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 16, 48, 64, 128])
def test_reward_and_statistics_of_any_length(length):
    music = Music({**WALTZ, "length": length})
    tokens, lengths = np.resize(GOLDEN, (20, length)), np.full(20, length, np.int32)
    total, components = music.reward(terms({"music-theory": 1}))(tokens, lengths)
    np.testing.assert_allclose(total, sum(components.values()), atol=1e-4)
    statistics = music.statistics(None, 0)
    statistics.update(tokens, lengths)
    result = statistics.result()
    assert result["not_in_key"].value == pytest.approx(-components["key"].mean())
    assert result["starts_with_tonic"].value == np.mean(tokens[:, 0] == D_DORIAN.tonic_token)
    assert result["in_motif"].value == pytest.approx((components["motif"] > 0).mean())


def test_the_defaults_are_the_published_program():
    lengths = np.full(len(GOLDEN), 32, np.int32)
    total = Music().reward(terms({"music-theory": 1}))(GOLDEN, lengths).total
    np.testing.assert_array_equal(total, MusicTheory(terms({"music-theory": 1}))(GOLDEN, lengths).total)
    changed = [
        Music({name: value}).reward(terms({"music-theory": 1}))(GOLDEN, lengths).total for name, value in WALTZ.items()
    ]
    assert all((total != other).any() for other in changed)


# --- files and drawings ---


@pytest.mark.parametrize("signature", ["4/4", "3/4", "6/8", "2/2", "12/8"])
def test_midi_carries_the_time_signature(tmp_path, signature):
    tokens = tokens_of("D4 hold F4 off A4 hold " * 4)
    music = Music({"meter": signature})
    (path,) = music.writers()["mid"](tokens, np.array([24]), tmp_path, 0)
    (change,) = pretty_midi.PrettyMIDI(str(path)).time_signature_changes
    assert (change.time, f"{change.numerator}/{change.denominator}") == (0, signature)
    assert [record.text for record in music.read(path)] == [music.decode(tokens[0])]


@pytest.mark.parametrize(("signature", "bars"), [("4/4", 3), ("3/4", 4), ("6/8", 4), ("2/4", 6)])
def test_rolls_are_ruled_by_bars(tmp_path, signature, bars):
    music = Music({"meter": signature})
    (path,) = music.writers()["png"](tokens_of("C4" + " hold" * 47), np.array([48]), tmp_path, 0)
    image = imread(path)[..., :3]
    note = np.flatnonzero((image[..., 2] - image[..., 0] > 0.3).any(axis=0))  # blue, and as wide as the roll
    dark = np.flatnonzero((np.abs(image - 0.56) < 0.08).all(axis=2).mean(axis=0) > 0.4)
    lines = dark[np.diff(dark, prepend=-9) > 2]
    assert len(lines) >= bars - 1  # the frame may hide the first and the last
    np.testing.assert_allclose(np.diff(lines), (note[-1] - note[0]) / bars, atol=2)
    (svg,) = music.figures(["hold " * 48])
    assert svg.count('opacity=".45"') == bars + 1
    assert svg.count('opacity=".18"') == 48 // music.meter.beat - bars


# --- as users type it ---


@pytest.mark.slow
def test_a_waltz_from_data_to_midi(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    tunes = [" ".join(SYMBOLS[token] for token in row) for row in np.where(C_MAJOR.has[GOLDEN], GOLDEN, 1)[:40]]
    Path("tunes.txt").write_text("\n".join(tunes))
    Path("waltz.yaml").write_text(
        "domain: {name: music, key: D, mode: dorian, meter: 3/4, length: 24}\ndata: {name: tunes.txt}\n"
        "model: {units: 4}\npretrain: {epochs: 1}\ntune: {rounds: 2, batch: 8, minibatch: 8}\n"
    )
    assert run(["pretrain", "waltz.yaml", "--out", "prior", "--quiet"]) == 0
    assert run(["tune", "waltz.yaml", "--prior", "prior", "--out", "psi", "--quiet"]) == 0
    assert run(["sample", "psi", "--num", "3", "--format", "mid", "--out", "mid", "--quiet"]) == 0
    assert yaml.safe_load(Path("psi/config.yaml").read_text())["domain"] == {"name": "music", "length": 24, **WALTZ}
    drawn = pd.read_csv("mid/samples.csv")
    music, tokens = Music({**WALTZ, "length": 24}), np.array([row.split() for row in drawn.tokens], np.int32)
    total, components = music.reward(terms({"music-theory": 1}))(tokens, np.full(3, 24, np.int32))
    np.testing.assert_allclose(drawn.total, total.sum(axis=1), atol=1e-3)
    np.testing.assert_allclose(drawn.key, components["key"].sum(axis=1))
    for file in drawn.file:
        (change,) = pretty_midi.PrettyMIDI(f"mid/{file}").time_signature_changes
        assert (change.numerator, change.denominator) == (3, 4)

    flags = chain.from_iterable(("--set", f"domain.{name}={value}") for name, value in WALTZ.items())
    files = ["mid/samples.csv", "--domain", "music", *flags, "--quiet"]
    assert run(["score", *files, "--out", "scores"]) == 0
    np.testing.assert_allclose(pd.read_csv("scores/scores.csv").total, drawn.total, atol=1e-3)
    assert run(["evaluate", *files, "--out", "scores"]) == 0
    table = pd.read_csv("scores/evaluation.csv").set_index("metric").value
    assert table["reward"] == pytest.approx(drawn.total.mean(), abs=1e-3)
    assert table["not_in_key"] == pytest.approx(-drawn.key.sum() / 72)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["score", "x.mid", "--domain", "music", "--set", "domain.key=H"], "domain.key is 'H'"),
        (["score", "x.mid", "--domain", "music", "--set", "domain.meter=4"], "domain.meter is 4, expected str"),
        (["score", "x.mid", "--domain", "music", "--set", "tune.c=2"], "without a run only the options domain.*"),
        (["evaluate", "x.mid", "--domain", "music", "--set", "domain.mode=blues"], "unknown mode 'blues'"),
    ],
)
def test_wrong_options_of_files(capsys, tmp_path, monkeypatch, args, says):
    monkeypatch.chdir(tmp_path)
    Path("x.mid").write_bytes(b"")
    assert run(args) == 2
    assert says in capsys.readouterr().err
