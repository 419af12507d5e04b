"""Any file or folder of melodies -> records, in a fixed order; files that are slow to parse go to worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seqtutor.domains.music import abc_file, abc_tunes, data_sets, midi, musicxml_file
from seqtutor.domains.music.melody import Piece, Unusable, normalised, to_tokens, within_reach
from seqtutor.domains.music.tokens import NUM_TOKENS, SYMBOLS
from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.reading.records import Record, Rejected, restored
from seqtutor.system.files import read_arrays
from seqtutor.system.tensorflow_setup import cores
from seqtutor.system.workers import Task, Workers

SCORES = (".musicxml", ".mxl", ".xml")
PARSED = (".mid", ".midi", ".abc", *SCORES)
FEW = 16  # files that are parsed here: starting worker processes would take longer
SECONDS = 600.0  # of processor time for a file: a collection as large as may be (abc_file.MAX_BYTES) takes some minutes
TEXTS = (".txt", *text_files.TABLES)  # of symbols or token ids; each may be followed by .gz
COLUMNS = ("text", "melody", "tokens")  # of tables, the best first
_IDS = {str(number): symbol for number, symbol in enumerate(SYMBOLS)}
_KNOWN = {symbol: symbol for symbol in SYMBOLS} | _IDS


def read(path: Path, prepare: bool = False) -> Iterator[Record | Rejected]:
    """The sequences of a file of PARSED, TEXTS or .npz, or of every file of PARSED below a folder.

    With `prepare`, pieces from such files are normalised for training (see `melody.normalised`); without it they
    stay as they are, but for the octave of one that goes out of range (see `melody.within_reach`). The other kinds
    hold tokens already.
    """
    path, column = text_files.split_column(path)
    if path.is_dir():
        files = melody_files(path)
        if not files:
            raise UserError(f"no {', '.join(PARSED[:-1])} or {PARSED[-1]} file in '{path}'")
        names = [file.relative_to(path).as_posix() for file in files]
        return _parse_all(files, names, prepare)
    if not path.exists():
        raise UserError(f"no such file or folder: '{path}'")
    if text_files.kind(path) in TEXTS:
        return map(_melody, text_files.texts(path, path.name, column, COLUMNS))
    suffix = path.suffix.lower()
    if suffix not in (*PARSED, ".npz"):
        raise UserError(f"cannot read melodies from '{path}': give {', '.join((*PARSED, '.npz', *TEXTS))} or a folder")
    return _read_npz(path) if suffix == ".npz" else _parse_all([path], [path.name], prepare)


def melody_files(folder: Path) -> list[Path]:
    """The files of PARSED below a folder, sorted, hidden ones left out; of music21's corpus only the collections."""
    folders = data_sets.collections_in(folder) or [folder]
    files = (file for base in folders for file in base.rglob("*") if file.suffix.lower() in PARSED and file.is_file())
    return sorted((file for file in files if not file.name.startswith(".")), key=Path.as_posix)


def _parse_all(files: list[Path], names: list[str], prepare: bool) -> Iterator[Record | Rejected]:
    """Parses files of PARSED in order, many of them in worker processes."""
    if len(files) < FEW:
        for file, name in zip(files, names, strict=True):
            yield from _parse(file, name, prepare)
        return
    items = [(str(file), name) for file, name in zip(files, names, strict=True)]
    with Workers(min(len(files), cores()), Task(f"{__name__}:parse_one", SECONDS, _records, _lost)) as pool:
        for records in pool.map([prepare], items, chunk=4):
            yield from records


def parse_one(item: Sequence[str], prepare: bool) -> list[Record | Rejected]:
    """The records of a file and its name: what a worker process does."""
    file, name = item
    return _parse(Path(file), name, prepare)


def _records(values: Sequence[Sequence[Any]]) -> list[Record | Rejected]:
    return [restored(each) for each in values]


def _lost(item: Sequence[str], reason: str) -> list[Record | Rejected]:
    return [Rejected(item[1], reason)]


def _parse(file: Path, name: str, prepare: bool) -> list[Record | Rejected]:
    """The records of one file of PARSED."""
    try:
        if file.suffix.lower() in SCORES:
            return [_record(name, lambda: musicxml_file.read_musicxml(file), prepare)]
        if file.suffix.lower() != ".abc":
            return [_record(name, lambda: midi.read_midi(file), prepare)]
        tunes = abc_file.split_abc(file)
    except OSError as error:
        return [Rejected(name, f"cannot be read: {error.strerror}")]
    except Unusable as reason:
        return [Rejected(name, str(reason))]
    if not tunes:
        return [Rejected(name, "no tunes")]
    return [_record(f"{name}:{line}", partial(abc_tunes.parse_abc, text), prepare) for line, text in tunes]


def _record(name: str, load: Callable[[], Piece], prepare: bool) -> Record | Rejected:
    """The record of one piece, or why there is none."""
    try:
        piece = normalised(load()) if prepare else within_reach(load())
        dropped = tuple(sorted((cause, count) for cause, count in piece.dropped.items() if count))
        return Record(name, as_text(to_tokens(piece)), dropped)
    except Unusable as reason:
        return Rejected(name, str(reason))


def as_text(tokens: Iterable[int]) -> str:
    """Tokens as people write them: "C4 hold hold off"."""
    return " ".join(SYMBOLS[token] for token in tokens)


def _read_npz(path: Path) -> Iterator[Record | Rejected]:
    """The rows of the array `tokens` int [N, T] of an .npz file, named by their number from 0. Raises UserError."""
    arrays = read_arrays(path, "tokens")
    if not arrays:
        raise UserError(f"'{path}' has no array 'tokens': save one, int [N, T], with np.savez")
    tokens = arrays["tokens"]
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        raise UserError(f"'tokens' in '{path}' is {tokens.dtype} {list(tokens.shape)}: give integers [N, T]")
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < NUM_TOKENS):
        low, high = tokens.min(), tokens.max()
        raise UserError(f"'tokens' in '{path}' goes from {low} to {high}: give ids from 0 to {NUM_TOKENS - 1}")
    return (Record(f"{path.name}:{row}", as_text(tokens[row])) for row in range(len(tokens)))


def _melody(item: Record | Rejected) -> Record | Rejected:
    """The record of a text of symbols, or of token ids as in the column `tokens`; Rejected for any other."""
    if isinstance(item, Rejected) or isinstance(item := text_files.checked(item), Rejected):
        return item
    try:
        return Record(item.name, " ".join([_KNOWN[symbol] for symbol in item.text.split()]))
    except KeyError as error:
        return Rejected(item.name, f"unknown token '{error.args[0]}'")
