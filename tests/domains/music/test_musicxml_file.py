"""Scores in MusicXML as notation programs write them, by hand; `test_written` reads back our own."""

import re
import zipfile

import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from seqtutor.domains.music import Music, musicxml_file
from seqtutor.domains.music.melody import Unusable, to_notes
from seqtutor.reading.records import Rejected

MUSIC = Music()


def note(pitch, duration, *, more="", after=""):
    """A note, "C4", or a rest, "z"; `more` before the pitch, `after` after the duration."""
    step, octave, alter = pitch[0], pitch[-1], {"#": 1, "b": -1}.get(pitch[1:2], 0)
    inner = "<rest/>" if pitch == "z" else (
        f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
    )  # fmt: skip
    length = f"<duration>{duration}</duration>" if duration else ""
    return f"<note>{more}{inner}{length}{after}</note>"


def score(*parts, attributes="<divisions>2</divisions>"):
    """A score of parts, each a list of the insides of its bars; the first bars have the attributes."""
    head = f"<attributes>{attributes}</attributes>"
    each = "".join(
        f"<part>{''.join(f'<measure>{head * (not i)}{bar}</measure>' for i, bar in enumerate(bars))}</part>"
        for bars in parts
    )
    return (
        f"<?xml version='1.0'?><!DOCTYPE score-partwise SYSTEM 'partwise.dtd'><score-partwise>{each}</score-partwise>"
    )


def read(tmp_path, text, name="a.musicxml"):
    """The notes [MIDI pitch, start, duration in quarters], the length in quarters, and what is left out."""
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(data)
    (record,) = MUSIC.read(tmp_path / name)
    if isinstance(record, Rejected):
        return record.reason
    tokens = MUSIC.encode(record.text)
    notes = [[each.pitch, each.start / 4, (each.end - each.start) / 4] for each in to_notes(tokens)]
    return notes, len(tokens) / 4, dict(record.dropped)


def test_notes_rests_ties_and_a_pickup(tmp_path):
    tie = '<tie type="start"/>'
    bars = [note("G4", 2), note("C5", 2) + note("z", 2) + note("F#4", 4, after=tie), note("F#4", 2) + note("Bb4", 1)]
    notes = [[67, 0, 1], [72, 1, 1], [66, 3, 3], [70, 6, 0.5]]
    assert read(tmp_path, score(bars)) == (notes, 6.5, {})


def test_divisions_that_change(tmp_path):
    bars = [note("C4", 2), "<attributes><divisions>12</divisions></attributes>" + note("D4", 12) + note("E4", 3)]
    assert read(tmp_path, score(bars)) == ([[60, 0, 1], [62, 1, 1], [64, 2, 0.25]], 2.25, {})


def test_what_is_left_out_is_counted(tmp_path):
    """Grace and cue notes, lower notes of chords, other voices and parts, repeats, jumps."""
    first = (
        note("D4", 0, more="<grace/>") + note("E4", 4) + note("C4", 4, more="<chord/>") + note("G4", 4, more="<cue/>")
    )
    second = "<backup><duration>8</duration></backup>" + note("C3", 8, after="<voice>2</voice>")
    repeat = '<barline><repeat direction="backward"/></barline><direction><sound dalsegno="1"/></direction>'
    found = read(tmp_path, score([first + second + repeat], [note("A3", 8) + note("B3", 8)]))
    causes = {
        "grace notes": 1, "cue notes": 1, "lower notes of chords": 1, "notes of other voices": 1,
        "notes of other parts": 2, "repeats not played": 1, "jumps not played": 1,
    }  # fmt: skip
    assert found == ([[64, 0, 2]], 4, causes)


def test_the_first_part_that_has_notes_is_taken(tmp_path):
    drums = "<note><unpitched/><duration>8</duration></note>"
    found = read(tmp_path, score([drums], [note("z", 8)], [note("C4", 8)], [note("D4", 8)]))
    assert found == ([[60, 0, 4]], 4, {"notes of other parts": 1})


def test_the_upper_staff_is_the_melody_though_the_lower_one_begins(tmp_path):
    """As in music for the piano: the right hand comes in after the left one, by a rest or by nothing at all."""
    back = "<backup><duration>8</duration></backup>"
    low = note("C3", 8, after="<voice>5</voice><staff>2</staff>")
    high = note("E5", 8, after="<voice>1</voice><staff>1</staff>")
    notes = ([[76, 4, 4]], 8, {"notes of other voices": 2})
    rest = note("z", 8, after="<voice>1</voice><staff>1</staff>")
    assert read(tmp_path, score([rest + back + low, high + back + low])) == notes
    assert read(tmp_path, score([low, low + back + high])) == notes
    second = note("C4", 8, after="<voice>2</voice>")
    found = read(tmp_path, score([note("z", 8, after="<voice>1</voice>") + back + second, note("G4", 8)]))
    assert found == ([[67, 4, 4]], 8, {"notes of other voices": 1})


def test_a_bar_that_lacks_a_rest_is_as_long_as_in_other_parts(tmp_path):
    """Not so a pickup, a bar that is whole by the meter, and what stands against a rest of a whole bar."""
    time = "<divisions>2</divisions><time><beats>{}</beats><beat-type>4</beat-type></time>"
    first, other = [note("C5", 6), note("D5", 8)], [note("C3", 2) * 4, note("D3", 8)]
    filled = {"short bars filled up as in other parts": 1}
    late = [[72, 0, 3], [74, 4, 4]]
    text = score(first, other, attributes=time.format(4))
    assert read(tmp_path, text) == (late, 8, {"notes of other parts": 5, **filled})
    assert read(tmp_path, timewise(text)) == (late, 8, {"notes of other parts": 5, **filled})
    ends = read(tmp_path, score(first[::-1], other[::-1], attributes=time.format("2+2")))
    assert ends == ([[74, 0, 4], [72, 4, 3]], 8, {"notes of other parts": 5, **filled})
    soon = [[72, 0, 3], [74, 3, 4]]
    for others, meter in (([[note("z", 8), note("D3", 8)]], 4), ([first], 4), ([other], 3), ([other], "x"), ([], 4)):
        found = read(tmp_path, score(first, *others, attributes=time.format(meter)))
        assert found[0] == soon and not found[2].keys() & filled.keys()
    longer = score(first, [note("C3", 10), note("D3", 8)], attributes=time.format(4))
    assert read(tmp_path, longer)[0] == late


def test_a_transposing_instrument_sounds_where_it_sounds(tmp_path):
    """A clarinet in B flat: its written D major is C major, so that training takes it as it is."""
    attributes = "<divisions>2</divisions><key><fifths>2</fifths></key><transpose><chromatic>-2</chromatic></transpose>"
    text = score([note("D5", 2) + note("F#5", 2) + note("A5", 2) + note("D5", 2)], attributes=attributes)
    assert [pitch for pitch, *_ in read(tmp_path, text)[0]] == [72, 76, 79, 72]
    assert musicxml_file.read_musicxml(tmp_path / "a.musicxml").sharps == 0
    (record,) = MUSIC.prepare(tmp_path / "a.musicxml")
    assert record.text.replace(" hold", "").split() == ["C5", "E5", "G5", "C5"]


def timewise(text):
    """A score of `score` the other way round."""
    parts = [re.findall("<measure>(.*?)</measure>", part) for part in re.findall("<part>(.*?)</part>", text)]
    measures = [
        "".join(f"<part id='P{i}'>{bar}</part>" for i, bar in enumerate(bars)) for bars in zip(*parts, strict=True)
    ]
    inside = "".join(f"<measure>{parts}</measure>" for parts in measures)
    return (
        f"<?xml version='1.0'?><!DOCTYPE score-timewise SYSTEM 'timewise.dtd'><score-timewise>{inside}</score-timewise>"
    )


def test_a_timewise_score_is_read_as_its_partwise_one(tmp_path):
    """Ties over bars, a change of divisions and a second part with a chord, in a plain .xml file too."""
    change = "<attributes><divisions>12</divisions></attributes>"
    first = [note("G4", 6) + note("E4", 2, after='<tie type="start"/>'), note("E4", 4) + note("C4", 4), change]
    second = [note("C3", 8) + note("E3", 8, more="<chord/>"), note("z", 8), change + note("D3", 48)]
    found = read(tmp_path, score(first, second))
    assert found == ([[67, 0, 3], [64, 3, 3], [60, 6, 2]], 8, {"notes of other parts": 3})
    assert read(tmp_path, timewise(score(first, second)), "a.xml") == found
    reduced = read(tmp_path, timewise(score(second, first)))
    assert reduced == read(tmp_path, score(second, first), "b.xml") and reduced[2]["lower notes of chords"] == 1


def test_a_measure_without_one_of_the_parts_is_refused(tmp_path):
    text = timewise(score([note("C4", 8)] * 2, [note("D4", 8)] * 2))
    assert text.count("<part id='P1'>") == 2
    said = "a timewise score whose measures have different parts"
    assert read(tmp_path, text.replace(f"<part id='P1'>{note('D4', 8)}</part>", "")) == said
    assert read(tmp_path, text.replace("P1", "P2", 1)) == said


def test_other_xml_in_a_folder_is_listed(tmp_path, capsys):
    """An .xml file may hold anything: what is no score is refused at its first element, however long it is."""
    for name in ("a.xml", "b.XML", "c.xml"):
        (tmp_path / name).write_text(score([note("C4", 8)]))
    (tmp_path / "d.xml").write_text("<plist>" + "<a>" * 100)
    found = list(MUSIC.read(tmp_path))
    assert [each.name for each in found] == ["a.xml", "b.XML", "c.xml", "d.xml"]
    assert found[-1] == Rejected("d.xml", "not a MusicXML score")
    assert command(["score", str(tmp_path / "d.xml"), "--domain", "music", "--out", str(tmp_path / "out")]) == 2
    assert "d.xml: not a MusicXML score" in capsys.readouterr().err


def packed(path, text, *, inside="score.xml"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        container = "<container><rootfiles><rootfile full-path='score.xml'/></rootfiles></container>"
        archive.writestr("META-INF/container.xml", container)
        archive.writestr(inside, text)
    return path.read_bytes()


def test_a_packed_score(tmp_path):
    text = score([note("C4", 8)])
    assert read(tmp_path, packed(tmp_path / "x", text), "a.mxl") == ([[60, 0, 4]], 4, {})
    assert read(tmp_path, packed(tmp_path / "x", text, inside="other.xml"), "a.mxl") == "broken .mxl file"
    assert read(tmp_path, b"PK\3\4 nothing of the kind", "a.mxl") == "broken .mxl file"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<score-timewise/>", "no notes"),
        ("<html/>", "not a MusicXML score"),
        ("", "broken XML"),
        (score([note("C4", 8)])[:-5], "broken XML"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "broken XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML that defines entities"),
        ("<score-partwise>" * 200, "broken MusicXML: elements too deep"),
        (score([note("z", 8)]), "no notes"),
        (score([note("C4", "1e9")]), "broken MusicXML: duration"),
        (score([note("C4", "-1")]), "broken MusicXML: duration"),
        (score([note("C4", 999_999_999)]), "broken MusicXML: duration"),
        (score([note("H4", 8)]), "broken MusicXML: step"),
        (score([note("C4", 8).replace("<alter>0", "<alter>0.5")]), "a pitch between two semitones"),
        (score([note("C4", 8)], attributes="<divisions>0</divisions>"), "broken MusicXML: divisions"),
        (score([note("C3", 8), note("C6", 8)]), "pitch out of range C3 to B5"),
        (score([note("C4", 3) * 9], attributes="<divisions>7</divisions>"), "rhythm off the sixteenth grid"),
        (score([note("C4", 900_000)] * 3, attributes="<divisions>100</divisions>"), "longer than 100000 sixteenths"),
    ],
)
def test_what_is_refused(tmp_path, text, says):
    assert read(tmp_path, text) == says


def test_a_score_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(musicxml_file, "MAX_BYTES", 1 << 20)
    (tmp_path / "a.mxl").write_bytes(packed(tmp_path / "x", " " * (2 << 20)))
    with pytest.raises(Unusable, match="a score of more than 1 MiB"):
        musicxml_file.read_musicxml(tmp_path / "a.mxl")


def test_commands_take_scores(tmp_path):
    (tmp_path / "a.musicxml").write_text(score([note("C4", 8) + note("E4", 8)]))
    page = st.play(tmp_path, out=tmp_path / "p.html", quiet=True).read_text()
    assert "<h2>a.musicxml</h2>" in page and len(st.score(tmp_path / "a.musicxml", domain="music")) == 1
