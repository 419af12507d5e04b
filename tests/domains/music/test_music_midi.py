"""Melodies as text, as tokens and as MIDI files, there and back, and the key a piece is moved to."""

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.domains.music import Music
from seqtutor.domains.music.melody import Note, Piece, key_shift, normalised, to_notes, to_tokens
from seqtutor.domains.music.midi import read_midi, write_midi
from seqtutor.errors import UserError

MUSIC = Music()


# --- tokens and text ---


@settings(deadline=None)
@given(st.lists(st.integers(0, 37), max_size=80))
def test_text_and_tokens_round_trip(tokens):
    assert MUSIC.encode(MUSIC.decode(tokens)).tolist() == tokens


def test_text_is_as_people_write_it():
    assert MUSIC.decode([14, 1, 0, 3, 37]) == "C4 hold off C#3 B5"
    with pytest.raises(ValueError, match="unknown token 'H4'"):
        MUSIC.encode("C4 H4")


def test_domain_facts():
    assert MUSIC.vocabulary.size == MUSIC.vocabulary.begin == 38
    assert MUSIC.vocabulary.end is None and MUSIC.length == 32
    assert MUSIC.random_primers().tolist() == list(range(2, 38))  # the highest note can be drawn, too
    assert MUSIC.default_reward in MUSIC.reward_names and len(MUSIC.reward_names) == 11


@pytest.mark.parametrize("length", [0, -1, 2.5, "32", True, None])
def test_length_must_be_a_positive_whole_number(length):
    with pytest.raises(UserError, match="length"):
        Music({"length": length})


# --- tokens -> MIDI -> tokens ---


def canonical(tokens: list[int]) -> list[int]:
    """Tokens that sound the same: a note-off where nothing sounds is "no event"."""
    sounding, result = False, []
    for token in tokens:
        result.append(1 if token == 0 and not sounding else token)
        sounding = token >= 2 or (sounding and token == 1)
    return result


@settings(max_examples=150, deadline=None)
@given(tokens=st.lists(st.integers(0, 37) | st.sampled_from([0, 1, 1, 1]), min_size=1, max_size=48))
def test_a_melody_survives_its_midi_file(tokens, tmp_path_factory):
    path = tmp_path_factory.mktemp("midi") / "tune.mid"
    write_midi(np.array(tokens, np.int32), path)
    assert to_tokens(read_midi(path)).tolist() == canonical(tokens)


@settings(deadline=None)
@given(st.lists(st.integers(0, 37), max_size=48))
def test_notes_and_tokens_round_trip(tokens):
    assert to_tokens(Piece(to_notes(tokens), len(tokens))).tolist() == canonical(tokens)


def test_pitch_tempo_and_time_in_the_file(tmp_path):
    """Middle C is MIDI 60, not a tone higher; a sixteenth at 80 quarters a minute is a quarter of 0.75 s."""
    path = tmp_path / "tune.mid"
    write_midi(MUSIC.encode("C4 hold C3 off hold B5 hold hold"), path)
    song, now, heard = mido.MidiFile(path), 0.0, []
    for message in song:
        now += message.time
        if message.type == "note_on":
            heard.append((round(now / 0.1875, 6), message.note, message.velocity > 0))
    assert sorted(heard) == [(0, 60, 1), (2, 48, 1), (2, 60, 0), (3, 48, 0), (5, 83, 1), (8, 83, 0)]
    assert [m.tempo for track in song.tracks for m in track if m.type == "set_tempo"] == [750_000]


# --- key and register ---


@settings(deadline=None)
@given(st.integers(-30, 30))
def test_a_piece_ends_in_the_same_key_wherever_it_stood(shift):
    """Key is decided by what a piece sounds like, not by where it stands."""
    pitches = [60, 64, 67, 65, 62, 59, 60, 60]
    piece = Piece([Note(i, i + 1, p + shift) for i, p in enumerate(pitches)], len(pitches))
    moved = [note.pitch for note in normalised(piece).notes]
    assert [(p - 60) % 12 for p in moved] == [(p - 60) % 12 for p in pitches]
    assert all(48 <= p <= 83 for p in moved)
    assert -6 <= key_shift(piece.notes) <= 5


def scale(tonic: int, degrees: list[int]) -> list[Note]:
    """A scale up and down with a long tonic at both ends, from `tonic` (a MIDI pitch)."""
    pitches = [*degrees, *degrees[-2::-1]]
    notes = [Note(4 * i, 4 * i + 4, tonic + p) for i, p in enumerate(pitches)]
    return [*notes, Note(4 * len(notes), 4 * len(notes) + 12, tonic)]


def test_key_shift():
    major, minor = [0, 2, 4, 5, 7, 9, 11, 12], [0, 2, 3, 5, 7, 8, 11, 12]
    assert key_shift(scale(67, major)) == 5  # G up to C, not down a fifth and over the edge
    assert key_shift(scale(66, major)) == -6
    assert key_shift(scale(64, minor)) == 5  # harmonic E minor to A minor
    dorian = [0, 2, 3, 5, 7, 9, 10, 12]
    assert key_shift(scale(64, dorian), sharps=2) == -2  # to D dorian
    pentatonic = [0, 2, 4, 7, 9, 12]  # fits three keys: the tonic decides
    assert key_shift(scale(62, pentatonic)) == -2
    assert key_shift(scale(62, pentatonic), sharps=1) == 5  # or the signature, where it fits
    assert key_shift(scale(67, minor), sharps=1) == 2  # G minor under a signature of G major: the notes decide
