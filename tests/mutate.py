"""Inputs mangled at random, each by a seed: what test_fuzz.py gives the commands.

`python -m tests.mutate KIND SEED FOLDER` writes the files of one case into a folder and prints its command line.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
SPECIAL = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\xa9", "\u2028".encode(), b"\xed\xa0\x80", b"\r", b"\n\n", b"\t", b'"',
    b"'", b",", b";", b"#", b"nan", b"-1", b"1e999", b"1e-320", b"9" * 25, b"9" * 5000, b"[" * 300, b"(" * 300, b"{}",
    b"%", b"\\", b"<end>", b"../../x", b"*", b"&a", b"!!", b": ", b"- ", b"null", b"true",
)  # fmt: skip
DRAWN = 0.03  # share of the damaged runs that are drawn from: each takes TensorFlow a second
VALUES = (
    None, True, [], {}, [1, [2]], "", "x", "\0", "a\nb", "\u00e9", "nan", ".inf", -1, 0, 1, 2.5, 10**9, 10**18, 10**400,
    -(10**30), 1e-320, 1e308, float("nan"), float("inf"), "9" * 30, [10**9], {"a": {"b": None}}, "../..", "x" * 3000,
)  # fmt: skip


def mangled(data: bytes, rng: random.Random) -> bytes:
    """Bytes with one to four faults: flips, cuts, doublings, swaps, special bytes, other numbers."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_FAULTS)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), rng.choice((1, 1, 3, 20)))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at, size = _piece(data, rng)
    return data[:at] + data[at + size :]


def _double(data: bytes, rng: random.Random) -> bytes:
    at, size = _piece(data, rng)
    return data[:at] + data[at : at + size] * rng.choice((2, 2, 3, 9)) + data[at + size :]


def _move(data: bytes, rng: random.Random) -> bytes:
    (at, size), to = _piece(data, rng), rng.randint(0, len(data))
    return data[:to] + data[at : at + size] + data[to:]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(SPECIAL) + data[at:]


def _renumber(data: bytes, rng: random.Random) -> bytes:
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not numbers:
        return _insert(data, rng)
    found = rng.choice(numbers)
    return data[: found.start()] + str(rng.choice(VALUES)).encode("utf-8", "replace") + data[found.end() :]


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


_FAULTS = (_flip, _cut, _drop, _double, _move, _insert, _insert, _renumber, _lines)


def _piece(data: bytes, rng: random.Random) -> tuple[int, int]:
    at = rng.randint(0, len(data))
    return at, rng.choice((1, 2, 8, 60))


def _chance(rng: random.Random, share: float) -> bool:
    return rng.random() < share


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
        if _chance(rng, 0.3):
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
    return usual if _chance(rng, 0.97) else rng.choice(others)


def _step(rng: random.Random) -> int:
    """Ticks; a long one is rare, for pretty_midi keeps the time of every tick."""
    return rng.choice((55, 110, 220, 0, 1)) if _chance(rng, 0.99) else rng.choice((10**5, 0x0FFFFFFF))


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
        path.write_bytes(mangled(data, rng) if _chance(rng, 0.4) else data)
    return _judged(rng, folder, rng.choice((path, path, folder)), "music")


def melodies_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A .csv or .txt file of melodies as text."""
    lines = ["C4 hold E4 off G4 hold hold off", "off off C5 B4 A4 G4 F#4 hold", "C3 D3 E3 F3 G3 A3 B3 C4"] * 2
    kind = rng.choice(("csv", "txt"))
    rows = ["name,text", *(f'{i},"{line}"' for i, line in enumerate(lines))] if kind == "csv" else lines
    path = folder / f"melodies.{kind}"
    path.write_bytes(mangled(("\n".join(rows) + "\n").encode(), rng))
    return _judged(rng, folder, path, "music")


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
        data = gzip.compress(mangled(data, rng) if _chance(rng, 0.5) else data, mtime=0)
        data = mangled(data, rng) if _chance(rng, 0.7) else data
    else:
        data = mangled(data, rng)
    path = folder / f"molecules.{kind}"
    path.write_bytes(data)
    return _judged(rng, folder, path, "molecules")


def _judged(rng: random.Random, folder: Path, path: Path, domain: str) -> list[str]:
    """A command that reads a file."""
    commands = (["score"], ["score", "--per-step"], ["evaluate"], ["data", "import", "--name", "mine"])
    command = rng.choices(commands, (6, 1, 2, 3))[0]
    return [*command, str(path), "--domain", domain, "--out", str(folder / "out"), "--quiet"]


# Configs


def config_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A config with other bytes or values, or a --set; its data are nowhere, so that nothing is trained."""
    data = rng.choice(sorted((ROOT / "configs").glob("*.yaml"))).read_bytes()
    base = data.replace(b"extends: ", f"extends: {ROOT}/configs/".encode())
    path = folder / "config.yaml"
    args = ["pretrain", str(path), "--data", "nowhere", "--out", str(folder / "out"), "--quiet"]
    way = rng.choice(("bytes", "bytes", "value", "value", "set"))
    if way == "value":
        base = yaml.safe_dump(_other_value(yaml.safe_load(base), rng), allow_unicode=_chance(rng, 0.5)).encode()
    elif way == "set":
        key = rng.choice(("tune.c", "model.units", "domain.length", "seed", "domain", "data.name", "run.x", ""))
        args += ["--set", f"{key}={_flow(rng.choice(VALUES))}".replace("\0", "\\0")]
    path.write_bytes(mangled(base, rng) if way == "bytes" else base)
    return args


def _flow(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip()


def _other_value(tree: object, rng: random.Random) -> object:
    """The tree with one value anywhere in it replaced, or with a key more."""
    if not isinstance(tree, dict) or not tree or _chance(rng, 0.1):
        return rng.choice(VALUES)
    if _chance(rng, 0.1):
        return {**tree, rng.choice(("x", 1, None, "lenght", "unit", (1, 2))): rng.choice(VALUES)}
    key = rng.choice(list(tree))
    return {**tree, key: _other_value(tree[key], rng)}


# Arrays


def npz_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """Tokens and primers of other types, shapes and values, as archives that may lie or be broken."""
    tokens = np.random.default_rng(rng.randrange(2**32)).integers(0, 38, (3, 8))
    arrays = {"tokens": _other_array(tokens, rng) if _chance(rng, 0.5) else tokens}
    if _chance(rng, 0.4):
        arrays["primer"] = _other_array(tokens[:, :1], rng)
    if _chance(rng, 0.1):
        arrays = {"token": arrays["tokens"]}
    path = folder / "tokens.npz"
    path.write_bytes(_archive(arrays, rng))
    return _judged(rng, folder, path, "music")


def _other_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    array = rng.choice((
        lambda: array.astype(rng.choice(("f4", "f8", "c16", "?", "O", "U4", "S3", "u1", "i1", "u8", "M8[s]"))),
        lambda: array.reshape(rng.choice(((-1,), (1, 1, -1), (array.size, 1)))),
        lambda: array[:0], lambda: array[:, :0], lambda: array[0, 0], lambda: np.array([{}, lambda: 0][:1], "O"),
        lambda: np.where(array == array.flat[0], rng.choice((-1, 38, 2**62, -(2**63))), array),
        lambda: np.asfortranarray(array), lambda: array.astype([("a", "i4"), ("b", "f4")]), lambda: array[::-1].T,
    ))()  # fmt: skip
    return np.asarray(array)


def _archive(arrays: dict[str, np.ndarray], rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    if _chance(rng, 0.6):
        (np.savez_compressed if _chance(rng, 0.5) else np.savez)(buffer, allow_pickle=True, **arrays)
    else:
        with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, array in arrays.items():
                archive.writestr(f"{name}.npy", _member(array, rng))
    data = buffer.getvalue()
    return mangled(data, rng) if _chance(rng, 0.5) else data


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
    return mangled(data, rng) if _chance(rng, 0.3) else data


# Runs


def run_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A run folder with one file mangled, or with other arrays or another description under a right hash."""
    name = rng.choice(("prior", "psi"))
    run = folder / "run"
    shutil.copytree(runs / name, run, ignore=shutil.ignore_patterns("tensorboard", "samples"))
    saved = _loaded(run / "checkpoints")
    files = [run / "config.yaml", *(run / "checkpoints").glob("best.json"), *[saved / "checkpoint.json"] * 2]
    way = rng.choice((*files, saved / "arrays.npz", "meta", "meta", "arrays", "arrays"))
    if way == "meta":
        meta = json.loads((saved / "checkpoint.json").read_text())
        (saved / "checkpoint.json").write_text(json.dumps(_other_value(meta, rng), skipkeys=True))
    elif way == "arrays":
        _other_arrays(saved, rng)
    else:
        way.write_bytes(mangled(way.read_bytes(), rng))
    kind = "csv" if _chance(rng, DRAWN) else "nothing"  # refused once the run is loaded
    return ["sample", str(run), "--num", "2", "--format", kind, "--out", str(folder / "out"), "--quiet"]


def _loaded(folder: Path) -> Path:
    """The checkpoint that a command would load."""
    if (folder / "best.json").exists():
        return folder / f"step-{json.loads((folder / 'best.json').read_text())['step']:08d}"
    return sorted(folder.glob("step-*"))[-1]


def resume_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """As `run_case`, or with a mangled history, and gone on with."""
    run_case(rng, folder, runs)
    run = folder / "run"
    if _chance(rng, 0.4):
        (run / "history.csv").write_bytes(mangled((run / "history.csv").read_bytes(), rng))
    more = ["--resume"] if _chance(rng, 0.9) else ["--force"]
    if "kind: prior" in (runs / "prior" / "config.yaml").read_text() and (run / "summary.json").exists():
        return ["pretrain", str(runs / "prior.yaml"), "--out", str(run), "--quiet", *more]
    return ["tune", str(runs / "psi.yaml"), "--prior", str(runs / "prior"), "--out", str(run), "--quiet", *more]


def _other_arrays(saved: Path, rng: random.Random) -> None:
    """Rewrites arrays.npz with an array changed or left out, and its hash in checkpoint.json."""
    import hashlib

    with np.load(saved / "arrays.npz") as file:
        arrays = dict(file)
    name = rng.choice(list(arrays))
    array = arrays.pop(name)
    if _chance(rng, 0.8):
        flat = array.reshape(1, -1) if array.ndim < 2 else array
        arrays[name] = _other_array(flat, rng) if _chance(rng, 0.6) else np.full_like(array, rng.choice((0, 1, 2**20)))
    np.savez(saved / "arrays.npz", allow_pickle=True, **arrays)
    meta = json.loads((saved / "checkpoint.json").read_text())
    meta["sha256"] = hashlib.sha256((saved / "arrays.npz").read_bytes()).hexdigest()
    (saved / "checkpoint.json").write_text(json.dumps(meta))


KINDS: dict[str, Callable[[random.Random, Path, Path], list[str]]] = {
    "midi": midi_case, "melodies": melodies_case, "molecules": molecules_case, "config": config_case, "npz": npz_case,
    "run": run_case, "resume": resume_case,
}  # fmt: skip


def make(kind: str, seed: int, folder: Path, runs: Path) -> list[str]:
    """Writes the files of a case into an empty folder; returns its command line. `runs`: see `train`."""
    return KINDS[kind](random.Random(f"{kind} {seed}"), folder, runs)


def train(folder: Path) -> None:
    """Trains a prior of words and tunes it: folder/prior and folder/psi, with the configs prior.yaml and psi.yaml."""
    from seqtutor.cli.main import run

    sizes = {
        "domain": {"name": "chain", "letters": 3, "length": 4}, "data": {"name": str(folder / "words.txt")},
        "model": {"units": 4}, "pretrain": {"epochs": 2, "batch": 8, "evaluate_every": 10},
        "tune": {"rounds": 4, "batch": 4, "minibatch": 4, "buffer": 16, "evaluate_every": 2},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    words = ("".join(rng.choices("abc", (3, 2, 1), k=4)) for _ in range(60))
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    for name in ("prior", "psi"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(sizes))
    prior, psi = str(folder / "prior"), str(folder / "psi")
    assert run(["pretrain", str(folder / "prior.yaml"), "--out", prior, "--quiet"]) == 0
    assert run(["tune", str(folder / "psi.yaml"), "--prior", prior, "--out", psi, "--quiet"]) == 0


def main(kind: str, seed: str, folder: str) -> None:
    """Writes one case and prints its command."""
    import shlex

    case = Path(folder) / f"{kind}-{seed}"
    case.mkdir(parents=True)
    if kind in ("run", "resume") and not (Path(folder) / "runs").exists():
        train(Path(folder) / "runs")
    print("seqtutor", shlex.join(make(kind, int(seed), case, Path(folder) / "runs")))


if __name__ == "__main__":
    main(*sys.argv[1:])
