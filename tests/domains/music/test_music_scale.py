"""Keys and modes: rules, statistics and training data follow them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.data import corpus
from seqtutor.domains.music import Music
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.rules import RULES, rules_in
from seqtutor.domains.music.scale import C_MAJOR, MODES, Scale
from seqtutor.domains.music.statistics import composition_statistics
from seqtutor.domains.music.tokens import FIRST_PITCH, NUM_TOKENS, SYMBOLS
from seqtutor.errors import UserError
from seqtutor.reading.records import Rejected

PROPER = [mode for mode in MODES if mode not in ("ionian", "aeolian")]
D_DORIAN, A_MINOR, B_LOCRIAN = Scale.named("D", "dorian"), Scale.named("A", "minor"), Scale.named("B", "locrian")


def tokens_of(*melodies: str) -> np.ndarray:
    """Tokens [N, T] of melodies as text."""
    return np.array([[SYMBOLS.index(symbol) for symbol in melody.split()] for melody in melodies], np.int32)


# --- scales ---


@pytest.mark.parametrize(
    ("key", "mode", "notes", "third", "fifth", "tonic", "shift"),
    [
        ("C", "major", "C D E F G A B", "E", "G", "C4", 0),
        ("A", "minor", "A B C D E F G", "C", "E", "A3", 0),
        ("D", "dorian", "D E F G A B C", "F", "A", "D4", 0),
        ("B", "locrian", "B C D E F G A", "D", "F", "B3", 0),
        ("D", "major", "D E F# G A B C#", "F#", "A", "D4", 2),
        ("F#", "major", "F# G# A# B C# D# F", "A#", "C#", "F#3", -6),
        ("Gb", "ionian", "F# G# A# B C# D# F", "A#", "C#", "F#3", -6),
        ("F", "lydian", "F G A B C D E", "A", "C", "F4", 0),
        ("Bb", "mixolydian", "A# C D D# F G G#", "D", "F", "A#3", 3),
        ("C", "aeolian", "C D D# F G G# A#", "D#", "G", "C4", 3),
        ("E", "phrygian", "E F G A B C D", "G", "B", "E4", 0),
        ("Cb", "major", "B C# D# E F# G# A#", "D#", "F#", "B3", -1),
    ],
)
def test_notes_tonic_third_and_fifth(key, mode, notes, third, fifth, tonic, shift):
    scale = Scale.named(key, mode)
    has = {SYMBOLS[token].rstrip("345") for token in range(FIRST_PITCH, NUM_TOKENS) if scale.has[token]}
    assert has == set(notes.split()) and scale.has[:FIRST_PITCH].all()
    assert SYMBOLS[scale.tonic_token] == tonic and scale.shift == shift
    assert SYMBOLS[scale.tonic_token + scale.third].rstrip("345") == third
    assert SYMBOLS[scale.tonic_token + scale.fifth].rstrip("345") == fifth


def test_relatives_share_their_notes():
    for mode, degree in MODES.items():
        relative = Scale(degree, mode)
        assert relative.shift == 0 and (relative.has == C_MAJOR.has).all()
    assert len({tuple(Scale(0, mode).degrees) for mode in PROPER}) == 7


@pytest.mark.parametrize("tonic", range(12))
def test_the_tonic_is_the_nearest_to_middle_c(tonic):
    here = [token for token in range(FIRST_PITCH, NUM_TOKENS) if Scale(tonic, "major").above_tonic[token] == 0]
    chosen = Scale(tonic, "major").tonic_token
    assert chosen in here and abs(chosen - 14) == min(abs(token - 14) for token in here)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "H"}, "domain.key is 'H': give a letter from A to G"),
        ({"key": "c"}, "domain.key is 'c'"),
        ({"key": "F##"}, "domain.key is 'F##'"),
        ({"key": ""}, "domain.key is ''"),
        ({"mode": "dorain"}, "unknown mode 'dorain' in domain.mode; did you mean dorian"),
    ],
)
def test_what_is_no_key_or_mode_is_refused(options, says):
    with pytest.raises(UserError) as refused:
        Music(options)
    assert str(refused.value).startswith(says)


# --- rules in another key ---


@st.composite
def moved(draw, lowest=0):
    """Tokens [N, T] from `lowest`, a scale they are in, another scale, and the tokens moved to it, all in range."""
    mode = draw(st.sampled_from(PROPER))
    here, there = (Scale(draw(st.integers(0, 11)), mode) for _ in range(2))
    by = there.tonic_token - here.tonic_token
    pitches = range(FIRST_PITCH + max(0, -by), NUM_TOKENS - max(0, by))
    palette = draw(st.lists(st.sampled_from(pitches), min_size=1, max_size=6))
    palette += draw(st.sampled_from([[], list(range(lowest, FIRST_PITCH)), [here.tonic_token]]))
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 40))
    tokens = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).choice(np.array(palette, np.int32), shape)
    in_range = np.isin(tokens, pitches) | (tokens < FIRST_PITCH)
    tokens = np.where(in_range, tokens, np.int32(pitches[0]))  # the tonic itself may leave the range
    return tokens, here, there, np.where(tokens < FIRST_PITCH, tokens, tokens + by).astype(np.int32)


METERS = st.sampled_from([COMMON_TIME, Meter(3, 4), Meter(6, 8), Meter(7, 8), Meter(12, 8)])


@settings(deadline=None)
@given(moved(), METERS)
def test_a_transposed_melody_earns_the_same(case, meter):
    """All rules but autocorrelation, in which holds and rests are the numbers 1 and 0 beside moved ones."""
    tokens, here, there, transposed = case
    rules, others = rules_in(here, meter), rules_in(there, meter)
    for name in set(RULES) - {"autocorrelation"}:
        np.testing.assert_array_equal(rules[name](tokens), others[name](transposed), err_msg=name)
    counts = composition_statistics(tokens, here, meter)
    for name, count in composition_statistics(transposed, there, meter).items():
        if not name.startswith("autocorrelation"):
            np.testing.assert_array_equal(counts[name], count, err_msg=name)


@settings(deadline=None)
@given(moved(lowest=FIRST_PITCH))
def test_autocorrelation_of_notes_alone_does_not_depend_on_the_key(case):
    tokens, _, _, transposed = case
    if (tokens >= FIRST_PITCH).all():
        np.testing.assert_array_equal(RULES["autocorrelation"](tokens), RULES["autocorrelation"](transposed))


@pytest.mark.parametrize(
    ("scale", "melody", "worth"),
    [
        (A_MINOR, "A3 C4", 0.75),  # its third, from the tonic and back
        (A_MINOR, "C4 A3", 0.75),
        (A_MINOR, "A3 C#4", 0.45),  # a major third is what it is from any other pitch
        (A_MINOR, "C4 E4", 0.45),
        (A_MINOR, "D4 F4", 0),
        (A_MINOR, "A3 E4", 0.5),
        (A_MINOR, "E4 A3", 0.5),
        (A_MINOR, "C4 G4", 0.10),
        (A_MINOR, "E4 hold", 1.5),
        (A_MINOR, "C4 hold", 0.375),
        (A_MINOR, "A4 off", 0.75),
        (A_MINOR, "G4 off", 0.25),
        (C_MAJOR, "A3 C4", 0),
        (B_LOCRIAN, "B3 F4", 0.5),  # its fifth is diminished
        (B_LOCRIAN, "B3 F#4", 0.10),
    ],
)
def test_the_triad_of_the_scale_decides_what_intervals_are_worth(scale, melody, worth):
    assert rules_in(scale, COMMON_TIME)["intervals"](tokens_of(melody))[0, 1] == np.float32(worth)


def test_statistics_in_d_dorian():
    counts = composition_statistics(tokens_of("D4 F4 A4 D4 C#4 off", "C4 D4 A4 off F#4 A4"), D_DORIAN, Meter(3, 4))
    wanted = {
        "num_starting_tonic": [1, 0], "notes_not_in_key": [1, 1], "num_in_key_preferred_thirds": [1, 0],
        "num_thirds": [1, 0], "num_in_key_preferred_intervals": [1, 1], "num_special_rest_intervals": [0, 1],
        "num_rest_intervals": [1, 0], "notes_in_motif": [1, 1],
    }  # fmt: skip
    assert {name: counts[name].tolist() for name in wanted} == wanted


# --- training data ---


def prepared(path: Path, **options) -> list[str]:
    """The texts of training data, or why there is none."""
    return [item.reason if isinstance(item, Rejected) else item.text for item in Music(options).prepare(path)]


def test_training_data_move_to_the_notes_of_the_scale(tmp_path):
    (tmp_path / "d.abc").write_text("X:1\nT:D major\nM:4/4\nL:1/16\nK:D\nD E F G A B c d\n")
    scale = "D4 E4 F#4 G4 A4 B4 C#5 D5"
    assert prepared(tmp_path / "d.abc") == ["C4 D4 E4 F4 G4 A4 B4 C5"]
    assert prepared(tmp_path / "d.abc", key="D") == [scale]
    assert prepared(tmp_path / "d.abc", key="B", mode="minor") == [scale]
    assert prepared(tmp_path / "d.abc", key="D", mode="dorian") == ["C4 D4 E4 F4 G4 A4 B4 C5"]
    (record,) = Music({"key": "A"}).read(tmp_path / "d.abc")  # what is judged stays
    assert record.text == scale


def test_tokens_are_moved_from_c_major_into_range(tmp_path):
    path = tmp_path / "tunes.txt"
    path.write_text("hold C4 off E4 hold B5\nC4 G5 B5 B5\nhold off\n" + "C3 B5 " * 3)
    assert prepared(path) == path.read_text().strip().split("\n")
    assert prepared(path, key="D")[:1] == ["hold D3 off F#3 hold C#5"]  # an octave down, for the whole of it
    assert prepared(path, key="Bb")[:3] == ["hold A#3 off D4 hold A5", "A#3 F5 A5 A5", "hold off"]
    assert prepared(path, key="D")[3] == "range too wide"


def test_the_cache_knows_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tunes.txt"
    path.write_text("C4 E4 G4\n")
    texts, files = zip(
        *[
            (next(loaded.texts()), loaded.cached_at)
            for options in ({}, {"key": "D"}, {"key": "D", "mode": "minor"}, {"meter": "3/4", "length": 8})
            for loaded in [corpus.load(Music(options), str(path))]
        ],
        strict=True,
    )
    assert texts == ("C4 E4 G4", "D4 F#4 A4", "F4 A4 C5", "C4 E4 G4")
    assert len(set(files)) == 3 and files[0] == files[3]
