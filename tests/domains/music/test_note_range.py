"""The notes that are drawn: ranges, voices, instruments, scales."""

import numpy as np
import pytest

from seqtutor.domains.music import Music
from seqtutor.domains.music.note_range import RANGES, STEPS, allowed, limits, out_of_reach
from seqtutor.domains.music.scale import C_MAJOR, MODES, Scale
from seqtutor.domains.music.tokens import FIRST_PITCH, SYMBOLS
from seqtutor.errors import UserError


def notes(found):
    """The symbols of the pitches allowed; rests and holds always are."""
    assert found[:FIRST_PITCH].all()
    return [symbol for symbol, there in zip(SYMBOLS[FIRST_PITCH:], found[FIRST_PITCH:], strict=True) if there]


def test_a_range_of_two_notes():
    assert notes(allowed("G3-A3", "", C_MAJOR)) == ["G3", "G#3", "A3"]
    assert limits("bb3 - F#4") == (58, 66) and limits("C4-C4") == (60, 60)
    assert allowed("", "", C_MAJOR) is None


def test_a_scale_is_on_the_tonic_of_the_key_or_on_its_own():
    assert notes(allowed("C4-B4", "pentatonic", C_MAJOR)) == ["C4", "D4", "E4", "G4", "A4"]
    assert notes(allowed("C4-B4", "pentatonic", Scale.named("D", "dorian"))) == ["D4", "E4", "F#4", "A4", "B4"]
    assert notes(allowed("C4-B4", "D dorian", C_MAJOR)) == ["C4", "D4", "E4", "F4", "G4", "A4", "B4"]
    assert notes(allowed("C4-B4", "Bb", C_MAJOR)) == ["C4", "D4", "D#4", "F4", "G4", "A4", "A#4"]
    assert notes(allowed("C4-B4", "A minor-Pentatonic", C_MAJOR)) == ["C4", "D4", "E4", "G4", "A4"]


def test_every_scale_of_seven_notes_is_that_of_its_mode():
    for mode in MODES:
        np.testing.assert_array_equal(allowed("", f"E {mode}", C_MAJOR), Scale.named("E", mode).has)
    assert all(steps[0] == 0 and sorted(set(steps)) == list(steps) and steps[-1] < 12 for steps in STEPS.values())


def test_every_voice_and_instrument_can_be_drawn_and_says_what_cannot():
    for name in RANGES:
        low, high = limits(name.title())
        assert low < high and notes(allowed(name, "", C_MAJOR))
        said = out_of_reach(name)
        assert ("below C3" in said, "above B5" in said) == (low < 48, high > 83)
    assert out_of_reach("flute") == "range flute is C4 to C7: nothing above B5 is drawn, since it has no token"
    assert out_of_reach("G3-A5") == out_of_reach("") == ""


@pytest.mark.parametrize(
    ("given", "scale", "said"),
    [
        ("A5-G3", "", "the first note is the lower one; give G3-A5"),
        ("G3", "", "range 'G3': give two notes, as G3-A5"),
        ("flut", "", "unknown voice or instrument 'flut' in --range"),
        ("flut", "", "did you mean flute"),
        ("C1-D1", "", "range C1-D1: no note is left between C3 and B5"),
        ("C4-C#4", "D pentatonic", "range C4-C#4 and scale D pentatonic: no note is left"),
        ("", "doric", "did you mean dorian"),
        ("", "H dur", "unknown scale 'H dur' in --scale"),
    ],
)
def test_what_is_refused(given, scale, said):
    with pytest.raises(UserError) as error:
        Music({"range": given, "scale": scale})
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_random_primer_is_a_note_that_is_allowed():
    assert [SYMBOLS[i] for i in Music({"range": "C4-D4"}).random_primers()] == ["C4", "C#4", "D4"]
