"""Files of the kinds that people have, each with the melody that is right: see `tests/data/field/music`."""

import json
from pathlib import Path

import pytest

from seqtutor.domains.music import Music
from seqtutor.domains.music.melody import to_notes
from seqtutor.errors import UserError
from seqtutor.policy.primers import Primer
from seqtutor.reading.records import Record, Rejected

FOLDER = Path(__file__).parents[2] / "data" / "field" / "music"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
MUSIC = Music()


def heard(record: Record) -> list[list[float]]:
    """[MIDI pitch, start, duration] of each note, in quarters."""
    return [[note.pitch, note.start / 4, (note.end - note.start) / 4] for note in to_notes(MUSIC.encode(record.text))]


@pytest.mark.parametrize("name", EXPECTED)
def test_file_is_read_rightly(name):
    right, records = EXPECTED[name], list(MUSIC.read(FOLDER / name))
    if right["tunes"] is None:  # no single value is right, but wrong notes are not
        assert [type(record) for record in records] == [Rejected]
        return
    tunes = [heard(record) for record in records]
    assert tunes in (right["tunes"], right.get("read_once"))
    if "read_once" in right:
        assert {cause for record in records for cause, _ in record.dropped} & {
            "repeats not played",
            "orders of parts not played",
        }


def test_folder_is_read_with_one_reject():
    rejected = [item for item in MUSIC.prepare(FOLDER) if isinstance(item, Rejected)]
    assert [item.name for item in rejected] == ["12j-track-length-short.mid"]


@pytest.mark.parametrize("name", ["key_g.mid", "14-key-g.mid"])
def test_key_signature_of_midi_is_used_as_that_of_abc(name, tmp_path):
    (midi,) = MUSIC.prepare(FOLDER / name)
    letters = {67: "G", 69: "A", 71: "B", 72: "c", 74: "d", 76: "e", 78: "f", 79: "g", 62: "D"}
    body = " ".join(letters[pitch] for pitch, _, _ in EXPECTED[name]["tunes"][0])
    (tmp_path / "g.abc").write_text(f"X:1\nL:1/4\nK:G\n{body}\n")
    (abc,) = MUSIC.prepare(tmp_path / "g.abc")
    assert midi.text == abc.text
    assert midi.text.startswith("C")


@pytest.mark.parametrize("name", ["silence.mid", "16-leading-silence.mid", "silence.abc", "silence.txt"])
def test_primer_begins_with_its_first_note(name, tmp_path):
    (tmp_path / "silence.abc").write_text("X:1\nL:1/16\nM:4/4\nK:C\nZ z4 C D\n")
    (tmp_path / "silence.txt").write_text("off hold C4 D4\n")
    path = FOLDER / name if (FOLDER / name).exists() else tmp_path / name
    first = Primer(MUSIC, str(path)).draw(1, None)[0, 0]
    assert MUSIC.decode([first])[0] in "CG"


def test_primer_of_silence_is_refused(tmp_path):
    (tmp_path / "silence.txt").write_text("hold hold off\n")
    with pytest.raises(UserError, match="only silence"):
        Primer(MUSIC, str(tmp_path / "silence.txt"))
    assert Primer(MUSIC, "hold C4").draw(1, None).tolist() == [[1, 14]]  # as typed


def test_leading_silence_is_dropped_alike_for_training(tmp_path):
    (tmp_path / "silence.abc").write_text("X:1\nL:1/4\nM:4/4\nK:C\nZ|C D E F|G A B c|\n")
    (abc,) = MUSIC.prepare(tmp_path / "silence.abc")
    (midi,) = MUSIC.prepare(FOLDER / "silence.mid")
    assert abc.text == midi.text
    assert midi.text.startswith("C4 hold hold hold D4")
