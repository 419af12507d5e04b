"""MIDI files of other people: exact pitch and time, and files that are not what they seem."""

from pathlib import Path

import mido
import numpy as np
import pytest

from seqtutor.domains.music import Music
from seqtutor.domains.music.melody import MAX_STEPS, Note, skyline
from seqtutor.domains.music.midi import write_midi
from seqtutor.reading.records import Record, Rejected

MUSIC = Music()
CUT = "broken MIDI file: cut short, or the length of a track is wrong"


def one(path: Path, prepare: bool = False) -> Record | Rejected:
    """The only record of a file."""
    (record,) = (MUSIC.prepare if prepare else MUSIC.read)(path)
    return record


def save(path: Path, tracks: list[list[mido.Message]], kind: int = 1, ticks: int = 480) -> Path:
    """Writes a MIDI file of messages whose times are absolute ticks."""
    song = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for messages in tracks:
        track, now = mido.MidiTrack(), 0
        for message in sorted(messages, key=lambda m: (m.time, m.type != "note_off")):
            track.append(message.copy(time=message.time - now))
            now = message.time
        song.tracks.append(track)
    song.save(path)
    return path


def play(*notes: tuple[int, int, int], channel: int = 0) -> list[mido.Message]:
    """Messages of (MIDI pitch, first sixteenth, one behind the last), 120 ticks a sixteenth."""
    messages = []
    for pitch, start, end in notes:
        messages.append(mido.Message("note_on", note=pitch, velocity=90, channel=channel, time=120 * start))
        messages.append(mido.Message("note_off", note=pitch, channel=channel, time=120 * end))
    return messages


# --- other people's MIDI ---


def test_quantised_on_beats_whatever_the_tempo(tmp_path):
    tempi = [mido.MetaMessage("set_tempo", tempo=tempo, time=tick) for tick, tempo in [(0, 400_000), (700, 1_300_001)]]
    path = save(tmp_path / "rubato.mid", [tempi, play((60, 0, 2), (62, 4, 8), (64, 8, 9), (65, 13, 16))])
    assert one(path).text == "C4 hold off hold D4 hold hold hold E4 off hold hold hold F4 hold hold"


TUNE = ((60, 0, 2), (62, 2, 4), (64, 4, 8))
HEARD = "C4 hold D4 hold E4 hold hold hold"


@pytest.mark.parametrize("tempo", [0, 1, 500_000, 16_777_215])
@pytest.mark.parametrize("track", [0, 1])
def test_no_tempo_is_too_odd(tmp_path, tempo, track):
    """Beats decide; a tempo of 0, or one that stands in a later track, changes nothing."""
    change = [mido.MetaMessage("set_tempo", tempo=tempo, time=tick) for tick in (0, 333)]
    tracks = [play(*TUNE), change] if track else [change, play(*TUNE)]
    assert one(save(tmp_path / "a.mid", tracks)).text == HEARD


@pytest.mark.parametrize("ticks", [1, 24, 96, 32_767])
def test_any_resolution(tmp_path, ticks):
    notes = [m.copy(time=m.time * ticks // 120) for m in play((60, 0, 4), (62, 4, 12), (64, 12, 16))]  # quarter notes
    path = save(tmp_path / "a.mid", [[m.copy(time=m.time // 4) for m in notes]], ticks=ticks)
    assert one(path).text == "C4 hold hold hold D4" + " hold" * 7 + " E4 hold hold hold"


def test_what_is_not_a_note_of_its_own_is_passed_over(tmp_path):
    """Bends, the pedal, and notes that end where they begin, or never; and tracks without events."""
    bends = [mido.Message("pitchwheel", pitch=4000, time=time) for time in range(0, 960, 40)]
    pedal = [mido.Message("control_change", control=64, value=value, time=time) for value, time in ((127, 0), (0, 950))]
    nothing = [mido.Message(kind, note=70, time=240) for kind in ("note_on", "note_off")]
    hanging = [mido.Message("note_on", note=72, time=480)]
    assert one(save(tmp_path / "a.mid", [[], bends + pedal + play(*TUNE), hanging, []])).text == HEARD
    song = mido.MidiFile(tmp_path / "a.mid")
    song.tracks[1][6:6] = [message.copy(time=0) for message in nothing]  # in this order, at one moment
    song.save(tmp_path / "b.mid")
    assert one(tmp_path / "b.mid").text == HEARD


def test_a_track_without_even_an_end_is_no_harm(tmp_path):
    whole = save(tmp_path / "a.mid", [play(*TUNE)]).read_bytes()
    header, track = whole[:14], whole[14:]
    (tmp_path / "a.mid").write_bytes(header[:10] + b"\0\2" + header[12:] + b"MTrk\0\0\0\0" + track)
    assert one(tmp_path / "a.mid").text == HEARD


def test_notes_held_over_each_other_are_cut_where_the_next_begins(tmp_path):
    path = save(tmp_path / "a.mid", [play((60, 0, 8), (62, 2, 10), (64, 4, 12))])
    assert one(path).text == HEARD + " hold hold hold hold"


def test_the_patterns_of_a_type_2_file_count_as_instruments(tmp_path):
    path = save(tmp_path / "a.mid", [play((48, 0, 4), (50, 4, 8)), play(*TUNE)], kind=2)
    assert one(path).text == HEARD


def test_sloppy_playing_goes_to_the_nearest_sixteenth(tmp_path):
    notes = [(60, -1, 130), (62, 100, 250), (64, 285, 300)]  # ticks; 120 a sixteenth
    messages = []
    for pitch, start, end in notes:
        messages.append(mido.Message("note_on", note=pitch, velocity=90, time=max(0, start)))
        messages.append(mido.Message("note_off", note=pitch, time=end))
    assert one(save(tmp_path / "a.mid", [messages])).text == "C4 D4 E4"


def test_type_0_channels_are_told_apart_and_drums_left_out(tmp_path):
    melody, bass = play((72, 0, 2), (74, 2, 4)), play((48, 0, 4), channel=1)
    drums = play((60, 1, 2), (61, 3, 4), channel=9)
    assert one(save(tmp_path / "a.mid", [melody + bass + drums], kind=0)).text == "C5 hold D5 hold"


def test_the_melody_is_the_highest_single_line(tmp_path):
    tune = play((72, 0, 4), (76, 4, 8), (74, 8, 12))
    chords = play(*[(pitch, start, start + 4) for start in (0, 4, 8) for pitch in (79, 76, 60)], channel=1)
    bass = play(*[(48, start, start + 1) for start in range(8)], channel=2)
    shout = play((83, 0, 1), channel=3)  # highest of all, but one note
    path = save(tmp_path / "band.mid", [bass, chords, tune, shout])
    assert one(path).text == "C5 hold hold hold E5 hold hold hold D5 hold hold hold"


def test_without_a_single_line_it_is_the_skyline(tmp_path):
    piano = play((60, 0, 4), (76, 0, 2), (72, 0, 2), (77, 2, 4), (65, 2, 4), (48, 3, 6))  # 48 is a legato step early
    assert one(save(tmp_path / "piano.mid", [piano])).text == "E5 hold F5 C3 hold hold"


def test_skyline():
    high, inside, legato = Note(0, 4, 72), Note(1, 3, 60), Note(3, 6, 67)
    assert skyline([high, inside]) == [high]
    assert skyline([high, legato]) == [Note(0, 3, 72), legato]
    assert skyline([Note(0, 4, 72), Note(0, 4, 60), Note(2, 4, 74)]) == [Note(0, 2, 72), Note(2, 4, 74)]
    assert skyline([Note(0, 8, 48), Note(2, 4, 60)]) == [Note(0, 2, 48), Note(2, 4, 60)]


def test_read_leaves_a_melody_as_it_is_and_prepare_moves_it(tmp_path):
    scale = [62, 64, 66, 67, 69, 71, 73, 74]  # D major
    path = save(tmp_path / "d.mid", [play(*[(pitch, 2 + i, 3 + i) for i, pitch in enumerate(scale)])])
    assert one(path).text == "hold hold D4 E4 F#4 G4 A4 B4 C#5 D5"
    assert one(path, prepare=True).text == "C4 D4 E4 F4 G4 A4 B4 C5"


def test_out_of_range(tmp_path):
    low = save(
        tmp_path / "low.mid", [play(*[(p - 36, i, i + 1) for i, p in enumerate([60, 62, 64, 65, 67, 69, 71, 72])])]
    )
    assert one(low) == Record("low.mid", "C3 D3 E3 F3 G3 A3 B3 C4", (("melodies moved by whole octaves", 1),))
    assert one(low, prepare=True).text == "C3 D3 E3 F3 G3 A3 B3 C4"  # the nearest octave that holds them all
    wide = save(tmp_path / "wide.mid", [play(*[(p, i, i + 1) for i, p in enumerate([24, 48, 72, 96] * 4)])])
    assert one(wide) == Rejected("wide.mid", "pitch out of range C3 to B5")
    assert one(wide, prepare=True) == Rejected("wide.mid", "range too wide")
    stray = [(60, 0), (64, 1), (67, 2), (72, 3), (48, 4), (50, 5), (83, 6), (81, 7), (65, 8), (62, 9), (96, 10)]
    fold = save(tmp_path / "fold.mid", [play(*[(p, i, i + 1) for p, i in stray])])
    assert one(fold, prepare=True).text == "C4 E4 G4 C5 C3 D3 B5 A5 F4 D4 C5"


# --- files that are not what they seem ---


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not a MIDI file"), (b"Not music at all.\n" * 20, "not a MIDI file"), (b"MThd", CUT)],
)
def test_not_midi(tmp_path, content, reason):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    assert one(path) == Rejected("bad.mid", reason)


def test_no_notes(tmp_path):
    assert one(save(tmp_path / "drums.mid", [play((40, 0, 1), channel=9)])) == Rejected("drums.mid", "no notes")
    assert one(save(tmp_path / "empty.mid", [[]])) == Rejected("empty.mid", "no notes")
    write_midi(np.ones(5, np.int32), tmp_path / "silent.mid")  # ours: silence of a known length
    assert one(tmp_path / "silent.mid").text == "hold hold hold hold hold"
    assert one(tmp_path / "silent.mid", prepare=True) == Rejected("silent.mid", "no notes")


def test_smpte_time_and_endless_files(tmp_path):
    path = save(tmp_path / "a.mid", [play((60, 0, 1))])
    data = bytearray(path.read_bytes())
    data[12:14] = b"\xe7\x28"  # 25 frames a second, 40 ticks a frame
    path.write_bytes(data)
    assert one(path) == Rejected("a.mid", "no beats, as time is in seconds (SMPTE)")
    endless = save(tmp_path / "b.mid", [play((60, 0, MAX_STEPS // 100))], ticks=4)  # 120 ticks are 120 sixteenths
    assert one(endless) == Rejected("b.mid", "longer than 100000 sixteenths")


def test_every_truncation_and_many_flipped_bytes_give_a_record_or_a_reason(tmp_path):
    whole = save(tmp_path / "a.mid", [play((60, 0, 2), (62, 2, 4)), play((48, 0, 4), channel=3)]).read_bytes()
    random, path = np.random.default_rng(0), tmp_path / "mangled.mid"
    cut = [whole[:end] for end in range(len(whole))]
    flipped = []
    for _ in range(200):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        flipped.append(bytes(data))
    second = whole.rindex(b"MTrk")
    for data in cut:
        path.write_bytes(data)
        if len(data) == second:  # all of a track, though two are promised
            assert one(path).text == "C4 hold D4 hold"
        else:
            assert one(path).reason in ("not a MIDI file", CUT)
    kinds = set()
    for data in flipped:
        path.write_bytes(data)
        kinds.add(type(one(path)))
    assert kinds == {Record, Rejected}


# --- folders and other files ---


def test_a_folder_is_read_in_order_and_alike_by_processes(tmp_path):
    """20 files go to worker processes, one alone does not: names, order and content must not depend on it."""
    for i in range(20):
        path = tmp_path / ("sub" if i % 2 else "") / f"{i:02d}.{'MID' if i == 4 else 'mid'}"
        path.parent.mkdir(exist_ok=True)
        write_midi(MUSIC.encode(f"C4 {'hold ' * i} E4"), path)
    (tmp_path / "sub" / "bad.midi").write_bytes(b"MThd\0\0")
    (tmp_path / "notes.txt").write_text("not a melody")
    (tmp_path / "._00.mid").write_bytes(b"\0\5\x16\7")  # what macOS leaves beside a file
    records = list(MUSIC.read(tmp_path))
    files = [f"{i:02d}.mid" for i in range(0, 20, 2)] + [f"sub/{i:02d}.mid" for i in range(1, 20, 2)] + ["sub/bad.midi"]
    files[2] = "04.MID"
    assert [record.name for record in records] == files
    assert records[-1] == Rejected("sub/bad.midi", CUT)
    assert [record.text for record in records[:-1]] == [one(tmp_path / name).text for name in files[:-1]]


def test_names_with_blanks_and_other_alphabets(tmp_path):
    path = tmp_path / "日本 songs" / "naïve tune.Midi"
    path.parent.mkdir()
    write_midi(MUSIC.encode(HEARD), path)
    assert list(MUSIC.read(tmp_path)) == [Record("日本 songs/naïve tune.Midi", HEARD)]
