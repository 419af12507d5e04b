"""Melodies written as MIDI, ABC and MusicXML, however they are played, are read back as the same tokens."""

import warnings

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music import Music
from seqtutor.domains.music.abc_writer import abc_text
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.notation import bars, signature, tonic_name
from seqtutor.domains.music.playing import Playing, program_of, straight, swung
from seqtutor.domains.music.render import SAID
from seqtutor.domains.music.scale import C_MAJOR, MODES, Scale
from seqtutor.errors import UserError
from tests.domains.music.test_music_midi import canonical

MELODIES = st.lists(st.integers(0, 37) | st.sampled_from([0, 1, 1, 1]), min_size=1, max_size=70)
KEYS = st.sampled_from([*"CDEFGAB", "F#", "Bb", "Ab", "C#", "Eb"])
METERS = st.sampled_from(["4/4", "3/4", "6/8", "2/4", "9/8", "5/8", "16/2"])
PLAYED = st.fixed_dictionaries(
    {},
    optional={
        "tempo": st.integers(10, 400) | st.floats(10, 1000),
        "program": st.integers(0, 127),
        "swing": st.integers(50, 75) | st.floats(50, 75),
        "velocity": st.integers(1, 127),
    },
)


def written(music, kind, tokens, folder):
    (path,) = music.writers()[kind](np.array([tokens], np.int32), np.array([len(tokens)]), folder, 0)
    return path


def read(music, path):
    (record,) = music.read(path)
    return music.encode(record.text).tolist()


@settings(max_examples=150)
@given(tokens=MELODIES, how=PLAYED)
def test_midi(tokens, how, tmp_path_factory):
    music = Music().played(how)
    assert read(music, written(music, "mid", tokens, tmp_path_factory.mktemp("midi"))) == canonical(tokens)


@settings(max_examples=150)
@given(tokens=MELODIES, key=KEYS, mode=st.sampled_from(sorted(MODES)), meter=METERS)
def test_abc(tokens, key, mode, meter, tmp_path_factory):
    music = Music({"key": key, "mode": mode, "meter": meter})
    assert read(music, written(music, "abc", tokens, tmp_path_factory.mktemp("abc"))) == canonical(tokens)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["musicxml", "abc"])
@settings(max_examples=25)
@given(tokens=MELODIES, key=KEYS, mode=st.sampled_from(["major", "minor", "dorian"]), meter=METERS)
def test_sheets_as_music21_reads_them(kind, tokens, key, mode, meter, tmp_path_factory):
    music21 = pytest.importorskip("music21")
    music = Music({"key": key, "mode": mode, "meter": meter})
    path = written(music, kind, tokens, tmp_path_factory.mktemp("sheet"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = music21.converter.parse(path, forceSource=True)
        bars = list(score.recurse().getElementsByClass("Measure"))
        notes = score.stripTies().flatten().notes
    found = np.ones(len(tokens), int)
    for note in notes:
        begin, end = (round(float(4 * at)) for at in (note.offset, note.offset + note.quarterLength))
        found[begin] = note.pitch.midi - 46
        if end < len(tokens):
            found[end] = 0
    for note in notes:  # a note that begins where another ends
        found[round(float(4 * note.offset))] = note.pitch.midi - 46
    assert found.tolist() == canonical(tokens)
    if kind == "musicxml":  # of a short tune in ABC music21 makes no bars
        assert round(4 * sum(bar.highestTime for bar in bars)) == len(tokens)
    if key in "CDG" and mode == "major":
        assert score.recurse().getElementsByClass("KeySignature")[0].sharps == {"C": 0, "D": 2, "G": 1}[key]


def test_an_abc_tune_by_hand():
    """Ties over bar lines, beams by beats, accidentals that hold to the bar line, and a rest at the end."""
    text = "C4 hold F#4 F4 F#5 hold G4 off " + "hold " * 6 + "A4 hold hold C3 hold hold hold off"
    tokens = Music().encode(text)
    assert abc_text(tokens, "a", COMMON_TIME, C_MAJOR, Playing(tempo=100, program=73)) == (
        "%abc-2.1\nX:1\nT:a\n%%seqtutor-end 22\n%%MIDI program 73\nM:4/4\nL:1/16\nQ:1/4=100\nK:C major\n"
        "C2^F=F ^f2Gz7A2- | AC,4z |]\n"
    )
    assert abc_text(Music().encode("Bb4".replace("Bb", "A#") + " hold B4"), "b", Meter(2, 4), Scale.named("F", "major"),
                    Playing()).splitlines()[-2:] == ["K:F major", "B2=B |]"]  # fmt: skip


def test_bars_have_the_length_of_the_meter():
    tokens = np.random.default_rng(0).integers(0, 38, 100)
    for meter in (COMMON_TIME, Meter(6, 8), Meter(5, 4)):
        lengths = [sum(event.length for event in bar) for bar in bars(tokens, meter)]
        assert set(lengths[:-1]) == {meter.bar} and sum(lengths) == 100


def test_keys_as_they_are_written():
    assert [signature(Scale.named(key, "major")) for key in ("C", "G", "F", "B", "Bb", "F#")] == [0, 1, -1, 5, -2, -6]
    names = [tonic_name(Scale.named(*each)) for each in (("A#", "major"), ("F#", "minor"), ("D", "dorian"))]
    assert names == ["Bb", "F#", "D"]


def test_how_a_midi_file_is_played(tmp_path):
    music = Music().played({"tempo": 100, "program": "flute", "swing": 75, "velocity": 90})
    song = mido.MidiFile(written(music, "mid", music.encode("C4 hold D4 hold E4 hold hold hold"), tmp_path))
    messages, now, heard = [], 0.0, []
    for message in song:
        now, messages = now + message.time, [*messages, message]
        if message.type == "note_on" and message.velocity:
            heard.append((round(now / 0.15, 3), message.note, message.velocity))
    assert heard == [(0, 60, 90), (3, 62, 90), (4, 64, 90)]  # the second eighth after three quarters of the first beat
    assert [m.program for m in messages if m.type == "program_change"] == [73]
    assert [m.tempo for m in messages if m.type == "set_tempo"] == [600_000]


@given(place=st.floats(0, 1000), swing=st.floats(50, 75))
def test_swing_can_be_undone(place, swing):
    assert straight(swung(place, swing), swing) == pytest.approx(place, abs=1e-9)
    assert swung(place, 50) == pytest.approx(place)
    assert swung(place + 1, swing) > swung(place, swing)


def test_names_of_general_midi():
    assert [program_of(name) for name in ("flute", "Acoustic Grand Piano", "violin", "73", 40)] == [73, 0, 40, 73, 40]
    with pytest.raises(UserError, match="unknown instrument of General MIDI 'flut'; did you mean flute"):
        program_of("flut")
    for wrong in ("128", -1, "", "²"):
        with pytest.raises(UserError, match="unknown instrument"):
            program_of(wrong)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"tempo": 0}, "tempo is 0: give 10 to 1000, quarter notes a minute"),
        ({"tempo": float("nan")}, "tempo is nan: give 10 to 1000"),
        ({"tempo": "fast"}, "tempo is 'fast': give a number"),
        ({"swing": 80}, "swing is 80: give 50 to 75"),
        ({"velocity": 128}, "velocity is 128: give 1 to 127"),
        ({"velocity": 64.5}, "velocity is 64.5: give a number"),
        ({"tempi": 3}, "unknown way of playing 'tempi'; did you mean tempo"),
    ],
)
def test_what_cannot_be_played(how, said):
    with pytest.raises(UserError) as caught:
        Music().played(how)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", Music().writers())
def test_files_say_what_they_are_said_to(kind, tmp_path):
    """A file changes with each way of playing that its format says, and with no other."""
    tokens, plain = np.array([14, 0, 16, 0, 18, 1, 0, 0]), {"tempo": 80, "program": 0, "swing": 50, "velocity": 100}
    other = {"tempo": 120, "program": 40, "swing": 66, "velocity": 60}
    usual = written(Music().played(plain), kind, tokens, tmp_path).read_bytes()
    said = {
        name
        for name, value in other.items()
        if written(Music().played({**plain, name: value}), kind, tokens, tmp_path).read_bytes() != usual
    }
    assert said == set(SAID.get(kind, ()))


def test_swing_needs_quarters():
    with pytest.raises(UserError, match="6/8 has none"):
        Music({"meter": "6/8"}).played({"swing": 66})
    with pytest.raises(UserError, match="'chain' are not played; leave tempo out"):
        from seqtutor.domains.chain import Chain

        Chain().played({"tempo": 90})


@settings(max_examples=150)
@given(tokens=MELODIES, key=KEYS, mode=st.sampled_from(sorted(MODES)), meter=METERS)
def test_musicxml(tokens, key, mode, meter, tmp_path_factory):
    music = Music({"key": key, "mode": mode, "meter": meter})
    path = written(music, "musicxml", tokens, tmp_path_factory.mktemp("xml"))
    if set(tokens) <= {0, 1}:  # a score of rests alone
        assert [record.reason for record in music.read(path)] == ["no notes"]
    else:
        assert read(music, path) == canonical(tokens)
