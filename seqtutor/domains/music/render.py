"""Melodies as files to play, to edit and to look at: MIDI, sound (WAV), ABC, MusicXML and piano rolls (PNG)."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtutor.domains.base import Writer
from seqtutor.domains.music.abc_writer import write_abc
from seqtutor.domains.music.melody import Note, to_notes
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.midi import write_midi
from seqtutor.domains.music.musicxml import write_musicxml
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.tokens import MAX_MIDI, MIN_MIDI, PITCH_CLASSES
from seqtutor.system.plotting import own_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATE = 44_100  # samples a second
_RELEASE = 0.08  # seconds a note takes to fade once it is let go
_ATTACK = 0.004
_TAIL = 0.4  # seconds of silence, or fading, after the last sixteenth
_PARTIALS = np.arange(1, 9)
_LOUDNESS = _PARTIALS**-1.4  # of the partials at the onset
_DECAY = 1.2 + 0.9 * _PARTIALS  # a second; high partials die first, as on a plucked string

SYSTEM = 64  # sixteenths of a row of a piano roll: four bars of 4/4
BLACK_KEYS = {1, 3, 6, 8, 10}
_INK, _NOTE, _SHADE, _LINE, _BAR = "#22313f", "#2a6f97", "#f1f3f5", "#ced4da", "#868e96"

# What the files of a format say of how a melody is played; of any other format, nothing.
SAID: dict[str, tuple[str, ...]] = {
    "mid": ("tempo", "program", "swing", "velocity"),
    "wav": ("tempo", "swing"),
    "abc": ("tempo", "program"),
    "musicxml": ("tempo", "program", "velocity"),
}


def writers(meter: Meter, scale: Scale, playing: Playing) -> dict[str, Writer]:
    """The file formats of melodies by extension; one file a melody, `melody-00001.mid` and so on."""
    musicxml = partial(write_musicxml, meter=meter, scale=scale, playing=playing)
    return {
        "mid": partial(_write_each, "mid", partial(write_midi, meter=meter, playing=playing)),
        "png": partial(_write_each, "png", partial(write_png, meter=meter)),
        "wav": partial(_write_each, "wav", lambda tokens, path: path.write_bytes(wav_bytes(tokens, RATE, playing))),
        "abc": partial(_write_each, "abc", partial(write_abc, meter=meter, scale=scale, playing=playing)),
        "musicxml": partial(_write_each, "musicxml", musicxml),
    }


def _write_each(
    extension: str,
    write: Callable[[np.ndarray, Path], object],
    tokens: np.ndarray,
    lengths: np.ndarray,
    folder: Path,
    start: int,
) -> list[Path]:
    """Writes each row up to its length with `write`; see `base.Writer`."""
    paths = [folder / f"melody-{start + row + 1:05d}.{extension}" for row in range(len(tokens))]
    for row, path in enumerate(paths):
        write(tokens[row, : lengths[row]], path)
    return paths


def synthesise(tokens: np.ndarray, rate: int = RATE, playing: Playing | None = None) -> np.ndarray:
    """Samples float32 in [-0.8, 0.8], mono, of tokens [T]: T sixteenths and a short tail, plucked tones.

    A tone of pitch f is sum_k a_k exp(-d_k t) sin(2 pi k f t), with f = 440 * 2^((MIDI - 69) / 12) Hz, over the
    partials that `rate` samples a second can hold.
    """
    seconds = (playing or Playing()).seconds
    samples = np.zeros(round((seconds(len(tokens)) + _TAIL) * rate), np.float64)
    for note in to_notes(tokens):
        begin, held = round(seconds(note.start) * rate), seconds(note.end) - seconds(note.start)
        time = np.arange(round((held + _RELEASE) * rate)) / rate
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        waves = np.sin(2 * np.pi * frequency * np.outer(_PARTIALS, time)) * np.exp(-np.outer(_DECAY, time))
        envelope = np.clip(time / _ATTACK, 0, 1) * np.clip((held + _RELEASE - time) / _RELEASE, 0, 1)
        heard = frequency * _PARTIALS < rate / 2
        samples[begin : begin + len(time)] += envelope * ((_LOUDNESS * heard) @ waves)
    peak = np.abs(samples).max(initial=0.0)
    return (samples * (0.8 / peak if peak else 1.0)).astype(np.float32)


def wav_bytes(tokens: np.ndarray, rate: int = RATE, playing: Playing | None = None) -> bytes:
    """A WAV file, 16 bits, mono, `rate` samples a second, of tokens [T]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((synthesise(tokens, rate, playing) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def per_row(length: int, meter: Meter) -> int:
    """The sixteenths of a row of a piano roll: all of a melody of `SYSTEM` or less, else as many whole bars."""
    return max(1, length) if length <= SYSTEM else max(1, SYSTEM // meter.bar) * meter.bar


@own_settings()
def write_png(tokens: np.ndarray, path: Path, meter: Meter = COMMON_TIME) -> None:
    """Draws tokens [T] as a piano roll: a column a sixteenth, a row a semitone, black keys shaded, beats ruled.

    A long one is broken into rows, see `per_row`.
    """
    from matplotlib.figure import Figure

    length, notes = len(tokens), to_notes(tokens)
    pitches = [note.pitch for note in notes] or [60]
    low, high = max(MIN_MIDI, min(pitches) - 3), min(MAX_MIDI, max(pitches) + 3)
    width = per_row(length, meter)
    systems = -(-length // width)
    size = (np.clip(1.0 + 0.24 * width, 5, 60), systems * (1.0 + 0.17 * (high - low + 1)))
    figure = Figure(figsize=size, layout="constrained")
    for system, axes in enumerate(np.ravel(figure.subplots(systems, 1))):
        _draw_system(axes, notes, range(system * width, (system + 1) * width), length, (low, high), meter)
    figure.axes[-1].set_xlabel(f"beat, in {meter}", color=_INK)
    figure.savefig(path, dpi=120)


def _draw_system(
    axes: Axes, notes: list[Note], steps: range, length: int, pitches: tuple[int, int], meter: Meter
) -> None:
    """One row of the roll: the notes of some steps of a melody of `length`, from the lowest to the highest pitch."""
    low, high = pitches
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_SHADE, lw=0, zorder=0)
    for step in range(steps.start, min(steps.stop, length) + 1):
        width = 1.4 if step % meter.bar == 0 else 0.9 if step % meter.beat == 0 else 0.3
        axes.axvline(step, color=_LINE if step % meter.bar else _BAR, lw=width, zorder=1)
    starts, ends = [note.start for note in notes], [note.end for note in notes]
    widths = [end - start - 0.08 for start, end in zip(starts, ends, strict=True)]
    axes.barh([n.pitch for n in notes], widths, left=[s + 0.04 for s in starts], height=0.8, color=_NOTE, zorder=2)
    rows = [pitch for pitch in range(low, high + 1) if pitch % 12 not in BLACK_KEYS]
    axes.set_yticks(rows, [f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}" for pitch in rows], fontsize=8)
    beats = [step for step in range(0, length + 1, meter.beat) if steps.start <= step <= steps.stop]
    labels = [str(step // meter.beat + 1) if step < min(length, steps.stop) else "" for step in beats]
    axes.set_xticks(beats, labels, fontsize=8, ha="left")
    axes.set(xlim=(steps.start, steps.stop), ylim=(low - 0.5, high + 0.5))
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_color(_LINE)
