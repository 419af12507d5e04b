"""Standard MIDI files as bytes: the notes of each part in ticks, and the few other events that matter here.

The source is "Standard MIDI Files 1.0" (MIDI Manufacturers Association, RP-001). This reader is our own, because
files are seldom exact and the libraries refuse harmless faults: an end of track long after the music, a header that
promises more tracks, a key signature with ten sharps, a data byte above 127. A fault that would change a note is an
error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from seqtutor.domains.music.melody import Unusable

MAX_BYTES = 4 << 20  # ten times a long score; Python reads them in some seconds
MAX_TRACKS = 1000  # a large orchestra has a tenth
MAX_NOTES = 200_000  # of all parts: a melody of as many sixteenths as may be, and as many notes of others
HEADER_WITHIN = 4096  # bytes: RIFF, MacBinary and mail headers are shorter
_CUT = "broken MIDI file: cut short, or the length of a track is wrong"
DRUMS = 9  # the channel of the drums, from 0
_SIZES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # data bytes of channel messages
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_ALL_OFF = (120, 123)  # controllers that end every note of a channel
_SYSEX, _ESCAPE, _META = 0xF0, 0xF7, 0xFF
_TEXT, _END, _KEY = 0x01, 0x2F, 0x59
_NO_BEND = 64  # the high byte of a pitch wheel at rest


class Ticks(NamedTuple):
    """A note: onset and end in ticks, MIDI pitch."""

    start: int
    end: int
    pitch: int


@dataclass
class Song:
    """The contents of a file.

    Attributes:
      per_quarter: ticks of a quarter note.
      parts: notes by (track, channel), in the order in which they end; without drums.
      texts: (tick, text) of the text events.
      keys: (tick, sharps) of the key signatures that are valid.
      bends: how often the pitch wheel of each part was moved from its rest.
      notes: how many ended, drums included.
      dropped: how many things of each kind were left out.
    """

    per_quarter: int
    notes: int = 0
    parts: dict[tuple[int, int], list[Ticks]] = field(default_factory=lambda: defaultdict(list))
    texts: list[tuple[int, bytes]] = field(default_factory=list)
    keys: list[tuple[int, int]] = field(default_factory=list)
    bends: Counter[tuple[int, int]] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def parse_midi(data: bytes) -> Song:
    """The song in the bytes of a MIDI file. Raises Unusable if they are none, or if part of the music is missing."""
    if len(data) > MAX_BYTES:
        raise Unusable(f"a MIDI file of more than {MAX_BYTES >> 20} MiB: split it")
    at = data.find(b"MThd", 0, HEADER_WITHIN)
    if at < 0 or len(data) < at + 14:
        raise Unusable("not a MIDI file" if at < 0 else _CUT)
    promised, per_quarter = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (10, 12))
    if per_quarter >= 0x8000:
        raise Unusable("no beats, as time is in seconds (SMPTE)")
    if per_quarter == 0:
        raise Unusable("broken MIDI file: no ticks in a quarter note")
    song, tracks = Song(per_quarter), 0
    at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    while len(data) - at >= 8:
        kind, begin = data[at : at + 4], at + 8
        end = begin + int.from_bytes(data[at + 4 : begin], "big")
        if kind == b"MTrk":
            if tracks == MAX_TRACKS:
                raise Unusable(f"more than {MAX_TRACKS} tracks: split it")
            at = _Track(song, tracks).read(data, begin, end)
            tracks += 1
        elif tracks >= promised or not any(data[at:]):
            break  # some programs leave bytes after the last track, or fill the file with zeros
        elif kind.isascii() and kind.decode().isprintable():
            at = end
        else:
            raise Unusable(_CUT)
    if data[at : at + 4] in (b"M", b"MT", b"MTr", b"MTrk") or (tracks == 0 and promised):
        raise Unusable(_CUT)
    return song


class _Track:
    """Reads the events of one track into a song."""

    def __init__(self, song: Song, number: int):
        self._song, self._number = song, number
        self._open: dict[tuple[int, int], list[int]] = defaultdict(list)  # onsets of notes that sound

    def read(self, data: bytes, at: int, end: int) -> int:
        """Reads the track whose chunk is data[at:end]. Returns where the next chunk begins. Raises Unusable."""
        tick, running, stop = 0, 0, min(end, len(data))
        try:
            while at < stop:
                delta, at = _number(data, at)
                tick += delta
                status = data[at]
                if status >= 0x80:
                    at += 1
                else:
                    status = running
                if 0x80 <= status < _SYSEX:
                    running, size = status, _SIZES[status >> 4]
                    if at + size > stop:
                        raise IndexError
                    self._message(tick, status, data[at], data[at + size - 1])
                    at += size
                elif status == _META:
                    kind, (size, at) = data[at], _number(data, at + 1)
                    if kind == _END:
                        self._close()
                        wrong = end > len(data) or data[at + size : at + size + 4] == b"MTrk"
                        return at + size if wrong else end
                    self._meta(tick, kind, data[at : at + size])
                    at += size
                elif status in (_SYSEX, _ESCAPE):
                    size, at = _number(data, at)
                    at += size
                elif status == 0:
                    raise Unusable("broken MIDI file: data without a status")
                else:
                    at += _SYSTEM_SIZES.get(status, 0)
        except IndexError:
            raise Unusable(_CUT) from None
        if at > stop or end > len(data) or data[at : at + 4] not in (b"", b"MTrk"):
            raise Unusable(_CUT)
        self._close()
        return at

    def _message(self, tick: int, status: int, first: int, second: int) -> None:
        kind, channel = status >> 4, status & 0x0F
        part = (self._number, channel)
        if kind == 0x9 and second:
            if first > 127:
                raise Unusable("broken MIDI file: a note above 127")
            self._open[channel, first].append(tick)
        elif kind in (0x8, 0x9):
            self._end(part, first, tick)
        elif kind == 0xB and first in _ALL_OFF:
            for other, pitch in list(self._open):
                if other == channel:
                    self._end(part, pitch, tick)
        elif kind == 0xE:
            self._song.bends[part] += second != _NO_BEND

    def _end(self, part: tuple[int, int], pitch: int, tick: int) -> None:
        """Ends the note that has sounded longest; one that began at this very tick sounds on."""
        onsets = self._open.get((part[1], pitch))
        if not onsets or onsets[0] == tick:
            return
        if part[1] == DRUMS:
            self._song.dropped["notes of drums"] += 1
        else:
            self._song.parts[part].append(Ticks(onsets[0], tick, pitch))
        del onsets[0]
        self._song.notes += 1
        if self._song.notes > MAX_NOTES:
            raise Unusable(f"more than {MAX_NOTES} notes: split it")

    def _close(self) -> None:
        self._song.dropped["notes without an end"] += sum(map(len, self._open.values()))

    def _meta(self, tick: int, kind: int, payload: bytes) -> None:
        if kind == _TEXT:
            self._song.texts.append((tick, payload))
        elif kind == _KEY and payload:
            sharps = int.from_bytes(payload[:1], "big", signed=True)
            if -7 <= sharps <= 7:
                self._song.keys.append((tick, sharps))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends. Raises IndexError; Unusable if it has more than four bytes."""
    value = 0
    for _ in range(4):
        byte = data[at]
        value, at = value << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            return value, at
    raise Unusable("broken MIDI file: a number of more than four bytes")
