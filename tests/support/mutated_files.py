"""Cases for `mutate`: a file of melodies, of molecules or of tokens, mangled, and a command that reads it."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.mutations import chance, mangled, other_array

# Melodies


def midi(rng: random.Random) -> bytes:
    """A MIDI file of one or two tracks that keeps the grammar, and may break any rule of what stands in it."""
    ticks = _odd(rng, 220, (480, 1, 0, 0x7FFF, 0x8000, 0xE728))
    tracks = [_track(rng) for _ in range(rng.choice((1, 1, 2)))]
    count = _odd(rng, len(tracks), (0, 1, 0xFFFF))
    head = struct.pack(">4sIHHH", b"MThd", _odd(rng, 6, (0, 8)), _odd(rng, 1, (0, 2, 9)), count, ticks)
    return head + b"".join(tracks)


def _track(rng: random.Random) -> bytes:
    meta = (
        b"\xff\x51\x03" + _odd(rng, b"\x0b\x71\xb0", (b"\x00\x00\x00", b"\x00\x00\x01", b"\xff\xff\xff")),
        b"\xff\x58\x04" + bytes(_odd(rng, 4, (0, 1, 31, 64, 255)) for _ in range(4)),
        b"\xff\x59\x02" + bytes(_odd(rng, 0, (1, 7, 8, 127, 249, 255)) for _ in range(2)),
        b"\xff\x01" + bytes([_odd(rng, 3, (1, 127))]) + b"abc",
        b"\xff\x01\x0dseqtutor: end",
        b"\xf0\x05\x7e\x7f\x09\x01\xf7",
        b"\xe0\x00\x40",
        b"\xc0" + bytes([_odd(rng, 24, (127, 200))]),
    )
    body = b""
    for _ in range(rng.choice((0, 3, 12, 12))):
        if chance(rng, 0.3):
            body += _varlen(rng.choice((0, 55))) + rng.choice(meta)
        channel = _odd(rng, 0, (1, 9))
        pitch = _odd(rng, rng.choice((60, 62, 64, 65, 67, 71)), (0, 127, 200))
        body += _varlen(rng.choice((0, 0, 0, 55, 3))) + bytes([0x90 + channel, pitch, _odd(rng, 100, (1, 0, 255))])
        body += _varlen(_step(rng)) + bytes([rng.choice((0x80, 0x90)) + channel, pitch, 0])
    body += _odd(rng, b"\x00\xff\x2f\x00", (b"", b"\x00\xff\x2f\x05"))
    size = _odd(rng, len(body), (0, len(body) // 2, len(body) + 9, 2**31))
    return struct.pack(">4sI", b"MTrk", size) + body


def _odd(rng: random.Random, usual: Any, others: tuple[Any, ...]) -> Any:
    """The usual value, or now and then one of the others."""
    return usual if chance(rng, 0.97) else rng.choice(others)


def _step(rng: random.Random) -> int:
    """Ticks; a long one is rare, for pretty_midi keeps the time of every tick."""
    return rng.choice((55, 110, 220, 0, 1)) if chance(rng, 0.99) else rng.choice((10**5, 0x0FFFFFFF))


def _varlen(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def midi_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A MIDI file, or a few in a folder, to score, to evaluate or to import."""
    for number in range(rng.choice((1, 1, 1, 3))):
        data = midi(rng)
        path = folder / f"tunes{number}.mid"
        path.write_bytes(mangled(data, rng) if chance(rng, 0.4) else data)
    return judged(rng, folder, rng.choice((path, path, folder)), "music")


def melodies_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A .csv or .txt file of melodies as text."""
    lines = ["C4 hold E4 off G4 hold hold off", "off off C5 B4 A4 G4 F#4 hold", "C3 D3 E3 F3 G3 A3 B3 C4"] * 2
    kind = rng.choice(("csv", "txt"))
    rows = ["name,text", *(f'{i},"{line}"' for i, line in enumerate(lines))] if kind == "csv" else lines
    path = folder / f"melodies.{kind}"
    path.write_bytes(mangled(("\n".join(rows) + "\n").encode(), rng))
    return judged(rng, folder, path, "music")


# Molecules

SMILES = ("CC(=O)Nc1ccc(O)cc1", "c1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1", "CCO.Cl", "C%12CCCC%12", "N#Cc1ccc(Br)s1")


def molecules_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A file of SMILES, as .smi, .csv or gzipped."""
    kind = rng.choice(("smi", "smi", "csv", "smi.gz", "csv.gz", "txt"))
    rows = [f"{text} m{i}" for i, text in enumerate(SMILES)]
    if "csv" in kind:
        rows = ["id,smiles", *(f'{i},"{text}"' for i, text in enumerate(SMILES))]
    data = ("\n".join(rows) + "\n").encode()
    if kind.endswith("gz"):
        data = gzip.compress(mangled(data, rng) if chance(rng, 0.5) else data, mtime=0)
        data = mangled(data, rng) if chance(rng, 0.7) else data
    else:
        data = mangled(data, rng)
    path = folder / f"molecules.{kind}"
    path.write_bytes(data)
    return judged(rng, folder, path, "molecules")


# Arrays


def npz_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """Tokens and primers of other types, shapes and values, as archives that may lie or be broken."""
    tokens = np.random.default_rng(rng.randrange(2**32)).integers(0, 38, (3, 8))
    arrays = {"tokens": other_array(tokens, rng) if chance(rng, 0.5) else tokens}
    if chance(rng, 0.4):
        arrays["primer"] = other_array(tokens[:, :1], rng)
    if chance(rng, 0.1):
        arrays = {"token": arrays["tokens"]}
    path = folder / "tokens.npz"
    path.write_bytes(_archive(arrays, rng))
    return judged(rng, folder, path, "music")


def _archive(arrays: dict[str, np.ndarray], rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    if chance(rng, 0.6):
        (np.savez_compressed if chance(rng, 0.5) else np.savez)(buffer, allow_pickle=True, **arrays)
    else:
        with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, array in arrays.items():
                archive.writestr(f"{name}.npy", _member(array, rng))
    data = buffer.getvalue()
    return mangled(data, rng) if chance(rng, 0.5) else data


def _member(array: np.ndarray, rng: random.Random) -> bytes:
    """An array as .npy whose header says something else."""
    said = rng.choice((
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000, 1000000), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (100000000,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-3, 8), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': ('a', 8), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3, 8), }",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (3, 8), }",
        "{'descr': [('a', '<i8', (10**3,))], 'fortran_order': 3, 'shape': (3, 8), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (3, 8), 'x': __import__('os').abort() }",
        "(" * 3000, "{", "\xff", "{'descr': '<i8'}", "[]", "'" * 9,
    ))  # fmt: skip
    header = said.encode("latin-1").ljust(118) + b"\n"
    version = rng.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x09\x00"))
    size = struct.pack("<I", len(header)) if version == b"\x02\x00" else struct.pack("<H", len(header))
    data = b"\x93NUMPY" + version + size + header + array.tobytes() if array.dtype != object else b""
    return mangled(data, rng) if chance(rng, 0.3) else data


def judged(rng: random.Random, folder: Path, path: Path, domain: str) -> list[str]:
    """A command that reads a file."""
    commands = (["score"], ["score", "--per-step"], ["evaluate"], ["data", "import", "--name", "mine"])
    command = rng.choices(commands, (6, 1, 2, 3))[0]
    return [*command, str(path), "--domain", domain, "--out", str(folder / "out"), "--quiet"]
