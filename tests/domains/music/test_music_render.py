"""Sound, pictures and files of melodies."""

import io
import wave

import numpy as np
import pytest
from matplotlib.image import imread

from seqtutor.domains.music import Music
from seqtutor.domains.music.render import RATE, synthesise, wav_bytes

MUSIC = Music()
SIXTEENTH = 0.1875  # seconds at 80 quarter notes a minute


@pytest.mark.parametrize(("name", "hertz"), [("C3", 130.813), ("A4", 440.0), ("C4", 261.626), ("B5", 987.767)])
def test_a_note_sounds_at_its_pitch(name, hertz):
    sound = synthesise(MUSIC.encode(f"{name} hold hold hold hold hold hold hold"))
    note = sound[: round(8 * SIXTEENTH * RATE)] * np.hanning(round(8 * SIXTEENTH * RATE))
    spectrum = np.abs(np.fft.rfft(note, 1 << 19))
    assert np.argmax(spectrum) * RATE / (1 << 19) == pytest.approx(hertz, rel=1e-3)


def test_sound_stands_where_the_notes_do():
    sound = synthesise(MUSIC.encode("hold hold C4 hold off hold hold hold E4 hold hold hold"))
    assert sound.dtype == np.float32 and np.abs(sound).max() == pytest.approx(0.8)
    loud = [np.sqrt(np.mean(part**2)) for part in np.array_split(sound[: round(12 * SIXTEENTH * RATE)], 12)]
    assert [level > 0.02 for level in loud] == [False] * 2 + [True] * 3 + [False] * 3 + [True] * 4
    assert max(loud[:2] + loud[6:8]) < 1e-4 and abs(sound[-1]) < 1e-6
    assert np.abs(np.diff(sound)).max() < 0.2  # no clicks


def test_silence_is_silent():
    assert not synthesise(np.ones(32, np.int32)).any()
    assert not synthesise(np.zeros(32, np.int32)).any()


def test_wav_is_16_bit_mono_and_lasts_as_long():
    with wave.open(io.BytesIO(wav_bytes(MUSIC.encode("C4 " * 32)))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert 32 * SIXTEENTH <= file.getnframes() / RATE < 32 * SIXTEENTH + 1
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples.astype(int)).max() == pytest.approx(0.8 * 32767, abs=2)


def test_one_file_a_melody_up_to_its_length(tmp_path):
    tokens = np.full((2, 6), 14, np.int32)
    tokens[1] = 20
    lengths = np.array([6, 3], np.int32)
    paths = {kind: write(tokens, lengths, tmp_path, 9) for kind, write in MUSIC.writers().items()}
    assert {kind: [path.name for path in files] for kind, files in paths.items()} == {
        kind: [f"melody-00010.{kind}", f"melody-00011.{kind}"] for kind in ("mid", "png", "wav", "abc", "musicxml")
    }
    assert [record.text for record in MUSIC.read(tmp_path)] == 3 * ["C4 C4 C4 C4 C4 C4"] + 3 * ["F#4 F#4 F#4"]
    assert paths["wav"][1].stat().st_size < paths["wav"][0].stat().st_size


def drawn(path) -> np.ndarray:
    """Pixels of a piano roll that belong to a note: clearly blue."""
    image = imread(path)
    return image[..., 2] - image[..., 0] > 0.3


def test_piano_roll_shows_the_notes(tmp_path):
    write = MUSIC.writers()["png"]
    tokens = np.array([MUSIC.encode("C4 hold hold hold off hold hold hold G4 hold hold hold off hold hold hold")])
    (path,) = write(tokens, np.array([16]), tmp_path, 0)
    rows, columns = np.nonzero(drawn(path))
    left, right = columns < columns.mean(), columns > columns.mean()
    assert rows[left].min() > rows[right].max()  # the second note is the higher one
    width = columns[left].max() - columns[left].min()
    assert columns[right].min() - columns[left].min() == pytest.approx(2 * width, rel=0.05)  # and begins 8 steps on
    assert write(np.ones((1, 32), np.int32), np.array([32]), tmp_path, 1)[0].stat().st_size > 1000
    assert not drawn(tmp_path / "melody-00002.png").any()


def test_a_long_roll_is_broken_into_rows_of_bars(tmp_path):
    """The same four bars twice: two rows, each as wide as one of four bars, with the same notes."""
    write = MUSIC.writers()["png"]
    tokens = np.tile(MUSIC.encode("C4 hold E4 hold G4 hold hold off " * 8), 2)[None]
    once, twice = (write(tokens, np.array([length]), tmp_path, length)[0] for length in (64, 128))
    alone, both = imread(once), imread(twice)
    assert both.shape[1] == alone.shape[1] and both.shape[0] == pytest.approx(2 * alone.shape[0], abs=2)
    notes = drawn(twice)
    upper, lower = np.array_split(notes, 2)
    assert upper.sum() == pytest.approx(lower.sum(), rel=0.05) and upper.any()
