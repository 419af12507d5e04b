"""Cases for `mutate`: mangled files of ABC, MusicXML, SDF, Parquet, REINVENT and Magenta, and odd values of rewards."""

from __future__ import annotations

import gzip
import io
import random
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.support.mutated_files import SMILES, judged
from tests.support.mutations import VALUES, chance, mangled
from tests.support.places import DATA

# Melodies

TUNE = b"""X:1
T:A tune
M:4/4
L:1/8
Q:1/4=120
K:Dmaj
|: "D"d2fd A>B (3ABc | [M:3/4]d4 z2 | {g}f2 ^e=c _B,2 |1 A6 :|2 [A2d2] A4- | A6 |]
V:2 clef=bass
%%MIDI program 1
!trill!D,4 E,4 | x4 Z2 |
w: la la
X:2
T:Another
M:6/8
L:1/8
K:G mix
P:AAB
GAB c2d | [K:Am] e>f g/2a// b3/ | c'4 C,,2 |]
"""


def abc_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A collection of two tunes."""
    path = folder / "tunes.abc"
    path.write_bytes(mangled(TUNE, rng))
    return judged(rng, folder, path, "music")


NOTE = "<note><pitch><step>G</step><octave>4</octave></pitch><duration>{}</duration><voice>1</voice>{}</note>"
SCORE = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-OUTERwise version="4.0"><part-list><score-part id="P1"><part-name>x</part-name></score-part></part-list>
<OUTER id="P1"><INNER id="1"><attributes><divisions>4</divisions><key><fifths>-1</fifths></key>
<transpose><chromatic>-2</chromatic></transpose></attributes>
{NOTE.format(4, "<tie type='start'/>")}{NOTE.format(12, "<tie type='stop'/>")}<backup><duration>8</duration></backup>
<forward><duration>4</duration></forward><note><chord/><rest/><duration>4</duration></note></INNER>
<INNER id="2">{NOTE.format(16, "")}<note><grace/><unpitched/></note>
<barline><repeat direction="backward"/></barline></INNER></OUTER></score-OUTERwise>
"""
TIMES = SCORE.replace("score-OUTERwise", "score-timewise").replace("OUTER", "measure").replace("INNER", "part")
PARTS = SCORE.replace("OUTER", "part").replace("INNER", "measure")
CONTAINER = b"<container><rootfiles><rootfile full-path='a.xml'/></rootfiles></container>"


def musicxml_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A score by parts or by measures, packed or not: the score is mangled, or what it is packed in."""
    data = rng.choice((PARTS, PARTS, TIMES)).encode()
    path = folder / f"score.{rng.choice(('xml', 'musicxml', 'mxl'))}"
    way = rng.choice(("score", "container", "archive")) if path.suffix == ".mxl" else "score"
    data = mangled(data, rng) if way == "score" else data
    if path.suffix == ".mxl":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("META-INF/container.xml", mangled(CONTAINER, rng) if way == "container" else CONTAINER)
            archive.writestr("a.xml", data)
        data = mangled(packed.getvalue(), rng) if way == "archive" else packed.getvalue()
    path.write_bytes(data)
    return judged(rng, folder, path, "music")


# Molecules


def sdf_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """Records with flat coordinates and properties, gzipped or not."""
    data = mangled(_sdf(), rng)
    path = folder / rng.choice(("mols.sdf", "mols.sdf", "mols.sd", "mols.sdf.gz"))
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return judged(rng, folder, path, "molecules")


@lru_cache
def _sdf() -> bytes:
    from rdkit import Chem

    written = []
    for text in SMILES[:3]:
        mol = Chem.MolFromSmiles(text)
        mol.SetProp("_Name", "a name")
        mol.SetProp("logp", "1.5")
        written.append(Chem.SDWriter.GetText(mol))
    return "".join(written).encode()


def parquet_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A table of molecules or melodies, of which a column may have another type, or whose bytes are mangled."""
    import pyarrow as pa
    from pyarrow import parquet

    texts = [*SMILES, None]
    odd = (
        lambda: pa.array(range(7)), lambda: pa.array([[text] for text in texts]), lambda: pa.nulls(7),
        lambda: pa.array([(text or "").encode() for text in texts]), lambda: pa.array(texts).dictionary_encode(),
        lambda: pa.array([{"a": 1}] * 7), lambda: pa.array([b"\xff\xfe"] * 7),
        lambda: pa.array([10**12] * 7).cast("date64"), lambda: pa.array(["C" * 10**5] * 7),
        lambda: pa.array(texts, pa.large_string()),
    )  # fmt: skip
    column = rng.choice(odd)() if chance(rng, 0.5) else pa.array(texts)
    table = pa.table([pa.array(np.arange(7.0)), column], names=["x", rng.choice(("smiles", "smiles", "text", "y"))])
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression=rng.choice(("none", "snappy", "gzip", "zstd")))
    path = folder / "mols.parquet"
    path.write_bytes(mangled(buffer.getvalue(), rng) if chance(rng, 0.7) else buffer.getvalue())
    return judged(rng, folder, path, rng.choice(("molecules", "molecules", "music")))


# Priors of other programs


def reinvent_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A model file whose bytes, or those of a member, are mangled."""
    source = (DATA / "reinvent" / "small.prior").read_bytes()
    path = folder / "a.prior"
    path.write_bytes(mangled(source, rng) if chance(rng, 0.3) else _with_other_members(source, rng))
    return ["import-reinvent", str(path), "--out", str(folder / "out"), "--quiet"]


def _with_other_members(source: bytes, rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        changed = rng.choice([name for name in names if name.endswith(".pkl")] * len(names) + names)
        for name in names:
            data = old.read(name)
            new.writestr(name, mangled(data, rng) if name == changed else data)
    return buffer.getvalue()


def toml_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A config of REINVENT's with other bytes or numbers."""
    source = (DATA / "reinvent" / "staged_learning.toml").read_bytes()
    path = folder / "staged.toml"
    path.write_bytes(mangled(source, rng))
    (folder / "more.toml").write_text("[[component]]\n[component.QED]\n[[component.QED.endpoint]]\nweight = 0.5\n")
    return ["convert-reinvent", str(path), "--out", str(folder / "out.yaml"), "--quiet"]


def magenta_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A checkpoint of a Note RNN of which one file is mangled, or a bundle."""
    files = _magenta()
    changed = rng.choice(sorted(files))
    for name, data in files.items():
        (folder / name).write_bytes(mangled(data, rng) if name == changed else data)
    name = changed if changed == "a.mag" else "model.ckpt"
    return ["import-magenta", str(folder / name), "--out", str(folder / "out"), "--quiet"]


def write_magenta(folder: Path) -> int:
    """Writes such a checkpoint, model.ckpt, and a bundle, a.mag."""
    for name, data in _magenta().items():
        (folder / name).write_bytes(data)
    return 0


@lru_cache
def _magenta() -> dict[str, bytes]:
    """Of one layer of 3 units, all ones."""
    import tensorflow as tf

    shapes = {
        "rnn/multi_rnn_cell/cell_0/lstm_cell/kernel": (41, 12), "rnn/multi_rnn_cell/cell_0/lstm_cell/bias": (12,),
        "fully_connected/weights": (3, 38), "fully_connected/biases": (38,),
    }  # fmt: skip
    names, ones = list(shapes), [tf.ones(shape) for shape in shapes.values()]
    with tempfile.TemporaryDirectory() as folder:
        tf.raw_ops.Save(filename=f"{folder}/old", tensor_names=names, data=ones)
        old = Path(folder, "old")
        data = old.read_bytes()
        old.unlink()
        tf.raw_ops.SaveV2(
            prefix=f"{folder}/model.ckpt", tensor_names=names, shape_and_slices=[""] * len(names), tensors=ones
        )
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    size = bytes([len(data) & 0x7F | 0x80, len(data) >> 7])  # of 128 to 16383 bytes
    return files | {"a.mag": b"\x0a\x0b\x0a\x09basic_rnn\x12" + size + data + b"\x1a\x05graph"}


# Rewards


def reward_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A user's function that returns anything, and says anything of itself, on words."""
    value = _expression(rng)
    lines = ["import numpy as np", "def f(tokens, texts):", f"    n, t = tokens.shape\n    return {value}"]
    for name in ("causal", "invalid"):
        if chance(rng, 0.2):
            lines.append(f"f.{name} = {rng.choice((True, 1, *map(_spelt, VALUES)))}")
    (folder / "mine.py").write_text("\n".join(lines) + "\n")
    (folder / "words.txt").write_text("abcdab\nbadcab\ncabbac\n")
    reward = f"{folder}/mine.py:{rng.choice(('f', 'f', 'f', 'f', 'g', 'np', ''))}"
    args = ["score", str(folder / "words.txt"), "--domain", "chain", "--reward", reward]
    return [*args, *(["--per-step"] if chance(rng, 0.3) else []), "--out", str(folder / "out"), "--quiet"]


def _expression(rng: random.Random) -> str:
    one = _spelt(rng.choice(VALUES))
    kind = rng.choice(("f4", "f2", "f8", "c16", "?", "O", "U4", "S3", "u1", "i8", "u8", "M8[s]", "V4"))
    return rng.choice((
        f"[{one}] * n", f"[{one}] * n", f"[[{one}] * t] * n", f"[1.0] * (n - 1) + [{one}]", one, f"({one},) * n",
        f"np.zeros(n, {kind!r})", f"np.zeros((n, t), {kind!r})", "np.zeros((n, t, 1))", "np.zeros((t, n))",
        "(x for x in range(n))", "{i: 1 for i in range(n)}", "np.ma.masked_all(n)", "[np.zeros(i) for i in range(n)]",
        "texts", "tokens", "np.broadcast_to(1e38, (n, t))", "np.full((n, t), np.nan)", "f",
        "[np.array([1.0])] * n", "set(range(n))", "iter([1.0] * n)", "memoryview(bytes(n))", "bytes(n)", "range(n)",
    ))  # fmt: skip


def _spelt(value: object) -> str:
    """The value as Python code."""
    return f"float({str(value)!r})" if isinstance(value, float) else repr(value)
