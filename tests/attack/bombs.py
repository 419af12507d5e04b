"""Small files that are large once they are read, files without an end, and molecules that RDKit works at for long."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml

from tests.attack import forks, outcome
from tests.attack.outcome import Attack
from tests.support import holes

ABC = "X:1\nT:n\nM:4/4\nL:1/8\nK:C\n"
NOTE = b"\0\x90\x3c\x40\x60\x80\x3c\0"


def _gzipped(block: bytes, megabytes: int) -> bytes:
    """A block again and again, packed."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
        for _ in range(megabytes):
            file.write(block * ((1 << 20) // len(block)))
    return out.getvalue()


def _zipped(shape: tuple[int, ...], kind: str, megabytes: int) -> bytes:
    """An .npz of tokens of a shape, with so many megabytes of ones."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("tokens.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
        for _ in range(megabytes):
            file.write(b"\1" * (1 << 20))
    return out.getvalue()


def _midi(*tracks: bytes, ticks: int = 480) -> bytes:
    head = b"MThd\0\0\0\6\0\1" + len(tracks).to_bytes(2, "big") + ticks.to_bytes(2, "big")
    ended = [track + b"\0\xff\x2f\0" for track in tracks]
    return head + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in ended)


def _sdf(atoms: int) -> bytes:
    """A chain of carbons, in the lines of a record of the newer kind (V3000)."""
    lines = [
        "a",
        "",
        "",
        "  0  0  0  0  0  0  0  0  0  0999 V3000",
        "M  V30 BEGIN CTAB",
        f"M  V30 COUNTS {atoms} 0 0 0 0",
    ]
    lines += ["M  V30 BEGIN ATOM", *(f"M  V30 {i} C 0 0 0 0" for i in range(1, atoms + 1)), "M  V30 END ATOM"]
    return "\n".join([*lines, "M  V30 END CTAB", "M  END", "$$$$", ""]).encode()


def _packed_score(score: bytes) -> bytes:
    """An .mxl file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", "<container><rootfile full-path='a.xml'/></container>")
        archive.writestr("a.xml", score)
    return file.getvalue()


def _nested(name: str) -> bytes:
    """A config in which a list of aliases of lists has 9^12 values."""
    lists = "".join(f"    - &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    return f"domain:\n  name: chain\n  {name}:\n    - &a0 [x, x, x, x, x, x, x, x, x]\n{lists}".encode()


FILES: dict[str, Callable[[], bytes]] = {
    "lines.smi.gz": lambda: _gzipped(b"CCO\n", 300),
    "blanks.smi.gz": lambda: _gzipped(b" ", 300),
    "empty.txt.gz": lambda: _gzipped(b"\n", 300),
    "line.csv.gz": lambda: b"".join((gzip.compress(b"smiles,x\n"), _gzipped(b"C", 300))),
    "header.csv.gz": lambda: _gzipped(b"a,", 300),
    "records.sdf.gz": lambda: _gzipped(b"$$$$\n", 300),
    "record.sdf.gz": lambda: _gzipped(b"x\n", 300),
    "zipped.npz": lambda: _zipped((1 << 23, 32), "|i1", 256),
    "shape.npz": lambda: _zipped((10**12, 32), "<i8", 0),
    "rows.npz": lambda: _zipped((10**9, 0), "|i1", 0),
    "notes.mid": lambda: _midi(NOTE * 400_000),
    "large.mid": lambda: _midi(NOTE * 8_000_000),
    "tracks.mid": lambda: _midi(*[NOTE * 8] * 20_000),
    "ticks.mid": lambda: _midi(NOTE + b"\xff\xff\xff\x7f\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\0" * 50, ticks=1),
    "nested.abc": lambda: (ABC + "|:" * 5000 + "CDEF GABc" + ":|" * 5000 + "\n").encode(),
    "chord.abc": lambda: (ABC + "[" * 20_000 + "C" + "]" * 20_000 + "\n").encode(),
    "long.abc": lambda: (ABC + "CDEF GABc|" * 100_000 + "\n").encode(),
    "value.abc": lambda: (ABC + "C999999999999 D1/999999999999 E" + "9" * 3000 + "/3 F\n").encode(),
    "elements.xml": lambda: b"<score-partwise>" + b"<a b=''/>" * 4_000_000,
    "packed.mxl": lambda: _packed_score(b" " * (300 << 20)),
    "chain.smi": lambda: ("C" * 100_000 + "\nCCO\n").encode(),
    "dots.smi": lambda: (".".join("C" * 2400) + "\nCCO\n").encode(),
    "branches.smi": lambda: ("C(" * 1600 + "C" + ")" * 1600 + "\nCCO\n").encode(),
    "cage.smi": lambda: ("".join(f"C%{i}" for i in range(10, 100)) * 2 + "\nCCO\n").encode(),
    "fused.smi": lambda: ("".join("c1ccc2c(c1)" for _ in range(300)) + "C\nCCO\n").encode(),
    "quotes.csv": lambda: b'smiles,n\n"CCO,1\n' + b"CCC,3\n" * 50_000,
    "atoms.sdf": lambda: _sdf(100_000),
    "some.sdf": lambda: _sdf(990) * 20,
    "letters.yaml": lambda: _nested("letters"),
    "deep.yaml": lambda: b"domain: " + b"[" * 50_000,
    "maps.yaml": lambda: b"domain: " + b"{a: " * 900 + b"1" + b"}" * 900,
    "extends.yaml": lambda: b"extends: /dev/zero\ndomain: {name: chain}\n",
    "itself.yaml": lambda: b"extends: itself.yaml\ndomain: {name: chain}\n",
    "large.yaml": lambda: b"domain: {name: chain}\n" + b"# \n" * (1 << 21),
    "tag.yaml": lambda: b"domain: {name: chain}\nseed: !!python/object/apply:os.abort []\n",
    "a.prior": lambda: _zipped((1 << 24,), "|i1", 64),
}  # fmt: skip
ENDLESS = (
    "x.smi", "x.mid", "x.npz", "x.yaml", "x.sdf", "x.csv", "x.parquet", "x.prior", "x.mag", "x.smi.gz", "x.abc",
    "x.xml", "x.ckpt.index", "x.toml",
)  # fmt: skip
MUSICAL = (".mid", ".npz", ".abc", ".xml", ".mxl")


def commands(path: Path, out: Path) -> Iterator[list[str]]:
    """The commands that read such a file."""
    place = ["--out", str(out), "--quiet"]
    if path.suffix == ".yaml":
        yield ["pretrain", str(path), *place]
    elif path.suffix == ".prior":
        yield ["import-reinvent", str(path), *place]
    elif path.suffix == ".toml":
        yield ["convert-reinvent", str(path), "--out", str(out)]
    elif path.suffix in (".mag", ".index"):
        yield ["import-magenta", str(path), *place]
    else:
        domain = ["--domain", "music" if path.suffix in MUSICAL else "molecules"]
        yield ["score", str(path), *domain, *place]
        yield ["data", "import", str(path), *domain, *place]


def attack(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """Each file by each command that reads it; a run folder with a checkpoint that is much larger than it looks."""
    for name in rng.sample([*FILES, *ENDLESS], len(FILES) + len(ENDLESS)):
        path = folder / name
        if name in FILES:
            path.write_bytes(FILES[name]())
        elif rng.random() < 0.5:
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        for args in commands(path, folder / "out"):
            yield _tried(f"{name}: {' '.join(args[:2])}", args, folder)
        path.unlink()
    yield _tried("many units: sample", ["sample", str(with_many_units(folder, runs)), "--quiet"], folder)
    yield _tried(
        "many units: tune", ["tune", str(runs / "psi.yaml"), "--prior", str(folder / "run"), "--quiet"], folder
    )
    for path in folder.glob("run/checkpoints/*/arrays.npz"):
        holes.write_arrays(path, 3000, "prior/logits/kernel")
    yield _tried("with holes: sample", ["sample", str(folder / "run"), "--quiet"], folder)
    shutil.rmtree(folder / "run")


def with_many_units(folder: Path, runs: Path) -> Path:
    """A copy of the prior that says it has 20,000 units, which its arrays have not."""
    shutil.copytree(runs / "prior", folder / "run")
    for path in folder.glob("run/**/*"):
        if path.name == "config.yaml":
            tree = yaml.safe_load(path.read_text())
            tree["model"]["units"] = 20_000
            path.write_text(yaml.safe_dump(tree))
        elif path.name == "checkpoint.json":
            text = path.read_text().replace('"digest"', '"no digest"')
            path.write_text(text.replace('"units": 4', '"units": 20000'))
    return folder / "run"


def _tried(what: str, args: list[str], folder: Path) -> outcome.Outcome:
    fork = forks.start(args, folder / "said", SEQTUTOR_CACHE=folder / "cache")
    found = outcome.of(what, forks.end(fork)[0])
    shutil.rmtree(folder / "out", ignore_errors=True)
    return found
