"""ABC notation, note by note: decorations, rhythm, accidentals, keys and meters."""

import pytest

from seqtutor.domains.music.abc_fields import NO_KEY, parse_key, parse_meter, parse_shift
from seqtutor.domains.music.melody import Unusable
from tests.domains.music.abc_pieces import HEAD, dropped, notes, piece, pitches

# --- decorations are marks: the note after them is there, as long as it is written ---


@pytest.mark.parametrize(
    "mark", ["H", ".", "~", "T", "u", "v", "M", "P", "k", "!fermata!", "!trill!", "+trill+", "!ff!"]
)
@pytest.mark.parametrize("note", ["C2", "^C2", "z2", "[CE]2", '"Am"C2', "{g}C2"])
def test_decorations_change_nothing(mark, note):
    assert notes(f"{mark}{note} D2") == notes(f"{note} D2")


@pytest.mark.parametrize("body", ["C2 D2 H|]", "S|C2 D2|", "C2 D2 L |", '!D.C.!C2 "^Fine"D2', "C2 !\nD2 !"])
def test_marks_elsewhere(body):
    assert notes(body) == [(60, 0, 2), (62, 2, 2)]


def test_jumps_are_counted():
    assert dropped("C2 D2 !D.C.!|] !D.S.alfine!") == {"jumps not played": 2}


# --- rhythm ---


@pytest.mark.parametrize(
    ("body", "lengths"),
    [
        ("C4>D4 E4<F4", [6, 2, 2, 6]),
        ("C8>>D8 E8<<F8 C8>>>D8", [14, 2, 2, 14, 15, 1]),
        ('C4>.D4 E4<uF4 C4>{g}D4 E4<"A"F4', [6, 2, 2, 6] * 2),
        ("C4 > D4 [CE]4<[DF]4", [6, 2, 2, 6]),
        ("(3C3D3E3 F4", [2, 2, 2, 4]),
        ("(2C4D4 E4", [6, 6, 4]),
        ("(3:2:2C3D3 E4", [2, 2, 4]),
        ("(3::1C3 E4", [2, 4]),
        ("(4C4D4E4F4 G4", [3, 3, 3, 3, 4]),
        ("(3 C3 (D3 E3) F4", [2, 2, 2, 4]),
        ("C4 D4 E4 F4 (3C2D2E2 F4", [4, 4, 4, 4, 1, 2, 1, 4]),  # onsets 16, 52/3, 56/3 go to the nearest sixteenth
        ("(C4 D2)-D2 E2-|E2", [4, 4, 4]),
        ("C4-C4-C4", [12]),
    ],
)
def test_lengths(body, lengths):
    assert [length for _, _, length in notes(body)] == lengths


@pytest.mark.parametrize(
    ("meter", "lengths"), [("4/4", [2, 2, 2, 2, 2]), ("6/8", [2, 2, 2, 2, 2]), ("3/8", [2, 2, 2, 2, 2])]
)
def test_quintuplet_fills_two_or_in_compound_time_three(meter, lengths):
    n = 3 if meter == "6/8" else 2
    end = piece("(5C5D5E5F5G5", f"X:1\nM:{meter}\nL:1/16\nK:C\n").length
    assert end == 5 * n


@pytest.mark.parametrize(
    ("rest", "length"),
    [("z4", 4), ("x4", 4), ("Z", 16), ("Z2", 32), ("X2", 32), ("y", 0), ("y4", 0), ("z", 1), ("z/2z/2", 1)],
)
def test_rests(rest, length):
    assert notes(f"C4 {rest} D4") == [(60, 0, 4), (62, 4 + length, 4)]


def test_bars_of_rest_follow_the_meter():
    assert notes("C4 Z [M:3/4] Z [M:C|] Z D", HEAD)[1][1] == 4 + 16 + 12 + 16


# --- pitch ---


def test_accidentals_hold_in_every_octave_to_the_bar_line():
    assert pitches("^F f F, =f F | F") == [66, 78, 54, 77, 65, 65]
    assert pitches("I:propagate-accidentals octave\n^F f F | F {^f}g f F") == [66, 77, 66, 65, 79, 78, 65]
    assert pitches("%%propagate-accidentals not\n^F F") == [66, 65]
    assert pitches("^^F __B") == [67, 69]


def test_tie_carries_its_accidental_over_the_bar_line():
    assert notes("^F2-|F2 F2") == [(66, 0, 4), (65, 4, 2)]
    assert notes("[^FA]2-|[FA]2") == [(69, 0, 4)]


def test_accidental_of_a_grace_note_holds():
    assert pitches("{^f}g f | f") == [79, 78, 77]


@pytest.mark.parametrize(
    ("key", "sharps", "black"),
    [
        ("G", 1, "F#"),
        ("Gmaj", 1, "F#"),
        ("G Major", 1, "F#"),
        ("Em", 1, "F#"),
        ("E minor", 1, "F#"),
        ("EMin", 1, "F#"),
        ("Ador", 1, "F#"),
        ("A Dorian", 1, "F#"),
        ("DMix", 1, "F#"),
        ("D Mixolydian", 1, "F#"),
        ("CLydian", 1, "F#"),
        ("B phrygian", 1, "F#"),
        ("F#loc", 1, "F#"),
        ("F", -1, "Bb"),
        ("Bb", -2, "Bb Eb"),
        ("Gm clef=treble", -2, "Bb Eb"),
        ("C bass", 0, ""),
        ("", None, ""),
        ("none", None, ""),
        ("HP", 2, "F# C#"),
        ("Hp", 2, "F# C#"),
        ("D Phr ^f", -2, "Bb Eb F#"),
        ("Dmix=c", 1, "F#"),
        ("D exp ^f", None, "F#"),
        ("D exp _b_e^f", None, "Bb Eb F#"),
        ("C#", 7, "F# C# G# D# A# E# B#"),
        ("Cb", -7, "Fb Cb Gb Db Ab Eb Bb"),
        ("G octave=-1", 1, "F#"),
        ('A name="B minor" treble-8', 3, "F# C# G#"),
        ("K", "", ""),
        ("H", "", ""),
        ("Es", "", ""),
        ("G#b", "", ""),
        ("G what", "", ""),
    ],
)
def test_keys(key, sharps, black):
    if sharps == "":
        with pytest.raises(Unusable, match="key"):
            parse_key(key, NO_KEY)
        return
    found = parse_key(key, NO_KEY)
    assert found.sharps == sharps
    altered = {letter: alteration for letter, alteration in found.altered.items() if alteration}
    assert altered == {name[0]: {"#": 1, "b": -1}[name[1]] for name in black.split()}


def test_clef_alone_keeps_the_key():
    assert pitches("[K:G]F [K:bass]F [K:clef=treble]F [K:C]F") == [66, 66, 66, 65]


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("C octave=-1", -12),
        ("treble-8", -12),
        ("clef=bass+8", 12),
        ("C transpose=-2", -2),
        ("G treble", None),
        ("1", None),
        ("C octave=1 transpose=2 clef=treble-15", -10),
        ("C octave=999", None),
    ],
)
def test_shifts(text, shift):
    assert parse_shift(text) == shift


def test_shift_moves_the_key_that_is_declared_too():
    found = piece("G A", "X:1\nL:1/16\nK:D transpose=-2\n")
    assert [note.pitch for note in found.notes] == [65, 67]
    assert (-7 * found.sharps) % 12 == 0  # it sounds in C


def test_meters():
    assert [parse_meter(text).bar for text in ("4/4", "C", "C|", "6/8", "(2+3)/8", "2+3/8", "none", "", "FREI4/4")] == [
        16,
        16,
        16,
        12,
        10,
        10,
        None,
        None,
        None,
    ]
    for wrong in ("4", "x", "0/4", "4/0", "99999/4"):
        with pytest.raises(Unusable, match="meter"):
            parse_meter(wrong)
