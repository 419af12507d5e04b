"""Any file or folder of melodies -> records, in a fixed order; files that are slow to parse go to worker processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from seqtutor.domains.base import Record, Rejected
from seqtutor.domains.music import corpus, midi
from seqtutor.domains.music.melody import MAX_OFF_GRID, Note, Unusable, normalised, off_grid, quantise, skyline, to_tokens
from seqtutor.domains.music.tokens import MAX_MIDI, MIN_MIDI, NUM_TOKENS, SYMBOLS
from seqtutor.errors import UserError

PARSED = (".mid", ".midi", ".abc")
FEW = 16  # files that are parsed here: starting worker processes would take longer


def read(path: Path, prepare: bool = False) -> Iterator[Record | Rejected]:
    """The sequences of a .mid, .midi, .abc, .npz, .csv or .txt file, or of every MIDI and ABC file below a folder.

    With `prepare`, pieces from MIDI and ABC are normalised for training (see `melody.normalised`); without it they
    stay as they are, and one with a pitch out of range is rejected. The other kinds hold tokens already.
    """
    if path.is_dir():
        files = melody_files(path)
        if not files:
            raise UserError(f"no {', '.join(PARSED[:-1])} or {PARSED[-1]} file in '{path}'")
        names = [file.relative_to(path).as_posix() for file in files]
        return _parse_all(files, names, prepare)
    if not path.exists():
        raise UserError(f"no such file or folder: '{path}'")
    readers = {".npz": _read_npz, ".csv": _read_csv, ".txt": _read_txt}
    suffix = path.suffix.lower()
    if suffix in PARSED:
        return _parse_all([path], [path.name], prepare)
    if suffix not in readers:
        raise UserError(f"cannot read melodies from '{path}': give {', '.join((*PARSED, *readers))} or a folder")
    return readers[suffix](path)


def melody_files(folder: Path) -> list[Path]:
    """The MIDI and ABC files below a folder, sorted; of music21's corpus only the collections of tunes."""
    folders = corpus.collections_in(folder) or [folder]
    return sorted(file for base in folders for file in base.rglob("*") if file.suffix.lower() in PARSED and file.is_file())


def _parse_all(files: list[Path], names: list[str], prepare: bool) -> Iterator[Record | Rejected]:
    """Parses MIDI and ABC files in order. Processes are never forked: the parent may hold TensorFlow's threads."""
    parse = partial(_parse, prepare=prepare)
    if len(files) < FEW:
        for file, name in zip(files, names, strict=True):
            yield from parse(file, name)
        return
    start = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    workers = min(len(files), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, multiprocessing.get_context(start)) as pool:
        for records in pool.map(parse, files, names, chunksize=4):
            yield from records


def _parse(file: Path, name: str, prepare: bool) -> list[Record | Rejected]:
    """The records of one MIDI or ABC file."""
    try:
        if file.suffix.lower() == ".abc":
            tunes = corpus.read_abc(file)
            return [_record(f"{name}:{tune.line}", tune, prepare) for tune in tunes]
        notes, length = midi.read_midi(file)
        return [_finish(name, notes, length, None, prepare)]
    except OSError as error:
        return [Rejected(name, f"cannot be read ({error.strerror})")]
