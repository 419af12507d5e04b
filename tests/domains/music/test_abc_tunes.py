"""Whole tunes and files in ABC: fields and other lines, voices, what is left out, and what is refused."""

import pytest

from seqtutor.domains.music.abc_file import split_abc
from seqtutor.domains.music.abc_tunes import parse_abc
from seqtutor.domains.music.melody import Unusable
from tests.domains.music.abc_pieces import dropped, notes, piece, pitches

# --- fields in the music ---


@pytest.mark.parametrize("change", ["[K:G]", "\nK:G\n", "\n K: G\n", "\\\nK:G\\\n", "[K:Em] ", "[K:G clef=bass]"])
def test_key_changes(change):
    assert pitches(f"F2 {change}F2 [K:C]F2") == [65, 66, 65]


@pytest.mark.parametrize("change", ["[L:1/8]", "\nL:1/8\n"])
def test_unit_length_changes(change):
    assert notes(f"C2 {change}C2") == [(60, 0, 2), (60, 2, 4)]


def test_meter_change_leaves_the_unit_length():
    assert notes("C [M:2/4]C", "X:1\nM:4/4\nK:C\n") == [(60, 0, 2), (60, 2, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "w:la la la",
        "W: words A B",
        "N:abc",
        "P:B",
        "T:Second part",
        "R:reel",
        "s: * *",
        "%%vskip 1cm",
        "% abc",
        "w:la la \\\nla la",
        "r: remark abc",
        "U: T = !trill!",
    ],
)
def test_other_lines_are_no_music(line):
    assert notes(f"C2\n{line}\nD2") == [(60, 0, 2), (62, 2, 2)]


@pytest.mark.parametrize("body", ["C2|\nc:|D2", "C2|\nc::D2", "C2 c:|\nD2"])
def test_line_of_one_note_and_a_repeat_is_music(body):
    assert pitches(body) == [60, 72, 62]


def test_remarks_and_quotations():
    assert notes('C2 "50% |A"D2 % E F') == [(60, 0, 2), (62, 2, 2)]


# --- voices ---


@pytest.mark.parametrize(
    "body",
    [
        "V:1\nC2 D2\nV:2\nE2 F2\nV:1\nE2\nV:2\nG2",
        "[V:1]C2 D2|\n[V:2]E2 F2|\n[V:1]E2|\n[V:2]G2|",
        "C2 D2\nV:2\nE2 F2 G2\nV:1\nE2",
        "[V:1] C2 [V:2] E2 [V:1] D2 [V:2] F2 [V:1] E2 [V:2] G2",
        "V:0\nz4 z4\nV:1\nC2 D2 E2\nV:2\nE2 F2 G2",
    ],
)
def test_first_voice_with_notes(body):
    assert notes(body) == [(60, 0, 2), (62, 2, 2), (64, 4, 2)]
    assert dropped(body) == {"notes of other voices": 3}


def test_voices_of_the_header_set_the_order():
    head = "X:1\nL:1/16\nV:T octave=-1\nV:B\nK:C\n"
    assert notes("V:B\nG2\nV:T\nc2", head) == [(60, 0, 2)]
    assert notes("c2\nV:B\nG2\nV:T\nd2", head) == [(60, 0, 2), (62, 2, 2)]


@pytest.mark.parametrize("body", ["C2 D2 & E2 F2|E2", "C2 D2 & E2 F2 & G2 A2|E2", "(&C2 |D2 & E2|F2 &)|E2"])
def test_overlays(body):
    assert notes(body) == [(60, 0, 2), (62, 2, 2), (64, 4, 2)]
    assert set(dropped(body)) == {"notes of overlaid voices"}


# --- things left out are counted ---


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        ("C2 D2", {}),
        ("|:C2 D2:|E2::F2:|", {"repeats not played": 3}),
        ("|:C2|1D2:|2E2|]", {"repeats not played": 1}),
        ("{gab}C2 {/f}D2", {"grace notes": 4}),
        ("[CEG]2 [DF]2 +CE+2", {"lower notes of chords": 4}),
        ("C2D2E2F2G2A2 B/2c/2 B2", {"notes moved to the nearest sixteenth": 1, "notes shorter than a sixteenth": 1}),
        ("C2\nz: what\nD2", {"lines of no known field": 1}),
        ("C2 [V:2] [DF]2", {"notes of other voices": 1}),
    ],
)
def test_left_out(body, left_out):
    assert dropped(body) == left_out


def test_order_of_parts_is_counted():
    assert dropped("P:A\nC2\nP:B\nD2", "X:1\nP:ABA\nL:1/16\nK:C\n") == {"orders of parts not played": 1}
    assert dropped("C2", "X:1\nP:A\nL:1/16\nK:C\n") == {}


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("C2|D2", 2),
        ("C2||D2|]", 2),
        ("[|C2:|D2", 2),
        ("C2:||:D2", 2),
        (":C2|D2", 2),
        ("C2|[1D2:|[2E2|]", 3),
        ("C2|1D2:|2 E2", 3),
        ("C2 [1,3D2:|", 2),
        ("C2|1-3D2:|", 2),
        ('C2 ["last"D2|]', 2),
        ("C2.|D2", 2),
        ("C2 [|] D2", 2),
        ("C2|:: D2::|", 2),
        ("C2 :[|] D2", 2),
        ("C2:|\n2 D2", 2),
        ('C2:"^Segno"[|]|] D2', 2),
    ],
)
def test_bar_lines_and_endings(body, count):
    assert len(notes(body)) == count


# --- other text is refused, never guessed at ---


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("C D =20\nE", "an accidental without a note"),  # mail that was not decoded
        ("C2 [CEG", "a chord without an end"),
        ("C2 []", "a chord without notes"),
        ("C2 [C#E]", "'#' in a chord"),
        ('C2 "Am D2', "a quotation without an end"),
        ("{gab C2", "grace notes without an end"),
        ("C D Free text: a bad cabbage", "':'"),
        ("C D How are the notes", "'w'"),
        ("C ö D", "'ö'"),
        ("C2 ,D", "','"),
        ("C0 D", "a note's length"),
        ("C/0 D", "a note's length"),
        ("C99999999 D", "a note's length"),
        ("C/////// D", "a note's length"),
        ("C//2 D", "a note's length"),
        (">C D", "'>'"),
        ("^/C D", "an accidental without a note"),
        ("(1CD", "'(1'"),
        ("Z C [M:none] Z", "a rest of whole bars (Z) without a meter"),
        ("[K:H]C", "key (K:) not understood"),
        ("[L:0]C", "unit note length (L:) not understood"),
        ("[M:x]C", "meter (M:) not understood"),
    ],
)
def test_refused(body, reason):
    with pytest.raises(Unusable) as refused:
        piece(body)
    assert str(refused.value).removeprefix("broken ABC: ") == reason


def test_free_text_after_a_tune_is_no_music_but_music_is_refused():
    assert notes("C2 D2|\n\nFree text: a bad cabbage fed a cage\n\nMore | of that") == [(60, 0, 2), (62, 2, 2)]
    for rest in ("E2 F2|", "E2 F2", '"Am"E2 !f!F2|[K:G]G2|', "V:2\nE2"):
        with pytest.raises(Unusable, match="music after a blank line"):
            piece(f"C2 D2|\n \n{rest}")


def test_header_needs_its_key():
    with pytest.raises(Unusable, match="no key"):
        parse_abc("X:1\nL:1/8\nCDEF|\n")
    with pytest.raises(Unusable, match="no notes"):
        parse_abc("X:1\nL:1/8\n")


# --- files ---


TUNE = "X:{}\nT:t\nL:1/16\nK:C\nC D E F|\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, line_end):
    """In Latin-1 the dots of a cp1252 title are what Unicode takes for a line end."""
    title = "Étude" if encoding == "latin-1" else "Étude… bag"
    text = (TUNE.format(1) + "\n" + TUNE.format(2)).replace("T:t", f"T:{title}").replace("\n", line_end)
    (tmp_path / "a.abc").write_bytes(text.encode(encoding))
    tunes = split_abc(tmp_path / "a.abc")
    assert [line for line, _ in tunes] == [1, 7]
    assert [[note.pitch for note in parse_abc(text).notes] for _, text in tunes] == [[60, 62, 64, 65]] * 2


def test_file_header_holds_for_every_tune(tmp_path):
    (tmp_path / "a.abc").write_text("%abc-2.1\nL:1/4\nM:3/4\n\nFree\nL:1/16\n\nX:1\nK:C\nC\n\nX:2\nL:1/8\nK:C\nC\n")
    assert [parse_abc(text).length for _, text in split_abc(tmp_path / "a.abc")] == [4, 2]


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("X:1\nX::\nK:C\nC\n", [1]),
        ("X:1\nK:C\nC\nX:2\nK:C\nD\n", [1, 4]),  # no blank line between them
        ("X:\nK:C\nC\n\nX: \nK:C\nD\n", [1, 5]),
        ("X:1\nK:C\nC\nX:|D\n", [1]),  # a bar of rest
        ("%%begintext\nX:1\n%%endtext\nX:2\nK:C\nC\n", [4]),
        ("%%begintext\nX:1\nK:C\nC\n", [2]),  # a block without an end is none
        ("no tune\n", []),
        ("", []),
    ],
)
def test_where_tunes_begin(tmp_path, text, begins):
    (tmp_path / "a.abc").write_text(text)
    assert [line for line, _ in split_abc(tmp_path / "a.abc")] == begins
