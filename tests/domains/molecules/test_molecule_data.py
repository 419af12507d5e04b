"""Reading and preparing molecules: every kind of file, mangled ones, and the named data sets."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from seqtutor.domains.molecules import Molecules, data_sets, reading
from seqtutor.domains.molecules.reading import canonical, read
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected

SMI = b"SMILES name\r\n# comment\r\nCCO ethanol\r\n\r\nc1ccccc1\tbenzene ring\r\nC1CC(N\r\n"
CSV = b'# made by hand\nid,SMILES,note\n1,CCO,\n\n2,c1ccccc1,"a, b"\n3,C1CC(N,x\n'
MOLECULES = ["CCO", "c1ccccc1", "C1CC(N"]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.smi", SMI, [3, 5, 6]),
        ("a.SMI.GZ", SMI, [3, 5, 6]),
        ("a.txt", b"\xef\xbb\xbf" + SMI, [3, 5, 6]),
        ("no-header-no-final-newline.smi", b"CCO\nc1ccccc1\nC1CC(N", [1, 2, 3]),
        ("old-mac.smi", b"CCO\rc1ccccc1\rC1CC(N\r", [1, 2, 3]),
        ("a.csv", CSV, [3, 5, 6]),
        ("windows.csv", b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n"), [3, 5, 6]),
        ("a.csv.gz", CSV, [3, 5, 6]),
        ("samples.csv", b'text,tokens\nCCO,"1 2 3"\nc1ccccc1,4\nC1CC(N,5\n', [2, 3, 4]),
        ("windows.tsv", CSV.replace(b",", b"\t").replace(b"\n", b"\r\n"), [3, 5, 6]),
        ("excel.csv", CSV.replace(b",", b";").decode().encode("utf-16"), [3, 5, 6]),
        ("a.tsv.gz", CSV.replace(b",", b"\t"), [3, 5, 6]),
        ("chembl.csv", b'"ChEMBL ID";"Canonical SMILES"\n1;CCO\n2;c1ccccc1\n3;C1CC(N\n', [2, 3, 4]),
        ("header.smi", b"canonical_smiles id\nCCO 1\nc1ccccc1 2\nC1CC(N 3\n", [2, 3, 4]),
        ("commas.txt", b"SMILES,name\nCCO,ethanol\nc1ccccc1;x\nC1CC(N ,\n", [2, 3, 4]),
        ("powershell.smi", SMI.decode().encode("utf-16"), [3, 5, 6]),
        ("a.smiles", SMI, [3, 5, 6]),
        ("B.ISM.gz", SMI, [3, 5, 6]),
        ("cx.smi", b"CCO |$;;OH$| a\nc1ccccc1 |c:0,2,4|\nC1CC(N\n", [1, 2, 3]),
        ("cx.csv", b'smiles,n\nCCO |$;;OH$|,1\n"c1ccccc1 |o1:1,r|",2\nC1CC(N,3\n', [2, 3, 4]),
        ("quotes.tsv", b'"smiles"\t"n"\n"CCO"\t5" pipe\nc1ccccc1\t"x\nC1CC(N\t"\n', [2, 3, 4]),
        ("no-header.csv", b"CCO,1\nc1ccccc1,2\nC1CC(N,3\n", [1, 2, 3]),
        ("no-header.tsv", b"CCO |$;;OH$|\tx\nc1ccccc1\ty\nC1CC(N\tz\n", [1, 2, 3]),
        ("sep.csv", b"sep=;\nid;smiles\n1;CCO\n2;c1ccccc1\n3;C1CC(N\n", [3, 4, 5]),
        ("both.csv", b"text,smiles\nx,CCO\ny, c1ccccc1 \nz,C1CC(N\n", [2, 3, 4]),
    ],
)
def test_each_kind_of_file_gives_its_molecules_valid_or_not(tmp_path, name, content, lines):
    path = write(tmp_path, name, content)
    assert list(read(path)) == [Record(f"{name}:{line}", text) for line, text in zip(lines, MOLECULES, strict=True)]


def test_bytes_that_are_not_utf8_spoil_only_the_line_whose_smiles_they_are_in(tmp_path):
    path = write(tmp_path, "a.smi", "CC éthane\nCCé\nC\n".encode("latin-1"))
    assert list(read(path)) == [Record("a.smi:1", "CC"), Rejected("a.smi:2", "not UTF-8 text"), Record("a.smi:3", "C")]
    path = write(tmp_path, "a.csv", "smiles,name\nCC,é\né,a\nC,b\n".encode("latin-1"))
    assert list(read(path)) == [Record("a.csv:2", "CC"), Rejected("a.csv:3", "not UTF-8 text"), Record("a.csv:4", "C")]


def test_rows_without_a_smiles_are_rejected_and_the_rest_is_read(tmp_path):
    path = write(tmp_path, "a.csv", b"id,smiles\n1,\n2\n3,CC\n")
    bad = [Rejected("a.csv:2", "empty"), Rejected("a.csv:3", "empty")]
    assert list(read(path)) == [*bad, Record("a.csv:4", "CC")]


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(tmp_path):
    rows = b"".join(b"C" * 50 + b",x\n" for _ in range(4000))
    found = list(read(write(tmp_path, "a.csv", b'smiles,name\nCC,a\n"CC,b\n' + rows)))
    assert found[0] == Record("a.csv:2", "CC")
    assert found[1] == Rejected("a.csv:3", "a quote that is never closed")
    assert found[2:] == [Record(f"a.csv:{line}", "C" * 50) for line in range(4, 4004)]


def test_a_damaged_gzip_file_is_refused_after_what_can_be_read(tmp_path):
    whole = data_sets.SAMPLE.read_bytes()
    for name, content in {"cut.smi.gz": whole[:50_000], "no.smi.gz": b"CCO\nCC\n"}.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}' is damaged \(.*\): get or compress it again"):
            list(read(path))
    flipped = bytearray(whole)
    flipped[30_000:30_100] = bytes(100)
    (tmp_path / "flipped.smi.gz").write_bytes(flipped)
    with pytest.raises(UserError, match="is damaged"):
        list(read(tmp_path / "flipped.smi.gz"))


def test_wrong_files_are_refused_with_the_mend(tmp_path):
    with pytest.raises(UserError, match=r"has no column smiles, .* \(columns found: 'id', 'mol'\): .* a\.csv:COLUMN"):
        list(read(write(tmp_path, "a.csv", b"id,mol\n1,CCO\n")))
    assert list(read(tmp_path / "a.csv:mol")) == [Record("a.csv:2", "CCO")]
    with pytest.raises(UserError, match=r"columns found: none"):
        list(read(write(tmp_path, "empty.csv", b"")))
    with pytest.raises(UserError, match=r"give a \.smi, \.smiles, .*, \.sdf or \.sd file"):
        read(write(tmp_path, "tokens.npz", b"PK"))
    with pytest.raises(UserError, match="no file or folder"):
        read(tmp_path / "missing.smi")


def test_a_folder_gives_all_its_files_and_rejects_a_bad_one(tmp_path):
    with pytest.raises(UserError, match="no molecules in folder"):
        read(tmp_path)
    write(tmp_path, "b.smi", b"CC\n")
    write(tmp_path, "a.csv", b"smiles\nCCO\n")
    write(tmp_path, "c.csv", b"formula\nC2H6O\n")
    write(tmp_path, "notes.md", b"x")
    write(tmp_path, "._b.smi", b"\0\5\x16\7")
    (tmp_path / "below").mkdir()
    write(tmp_path / "below", "d.txt", b"CN\n")
    first, second, third, bad = sorted(read(tmp_path))
    assert (first, second, third) == (Record("a.csv:2", "CCO"), Record("b.smi:1", "CC"), Record("below/d.txt:1", "CN"))
    assert bad.name == "c.csv" and "columns found: 'formula'" in bad.reason


@pytest.mark.parametrize(
    ("text", "flat", "stereo"),
    [
        ("OCC", "CCO", "CCO"),
        ("C1=CC=CC=C1", "c1ccccc1", "c1ccccc1"),
        ("CC(=O)[O-].[Na+]", "CC(=O)[O-]", "CC(=O)[O-]"),  # the salt's larger ion, its charge kept
        ("Cl.Cl.NCC", "CCN", "CCN"),
        ("O[13CH3]", "[13CH3]O", "[13CH3]O"),
        ("N[C@@H](C)C(=O)O", "CC(N)C(=O)O", "C[C@H](N)C(=O)O"),
        ("F/C=C\\F", "FC=CF", "F/C=C\\F"),
        ("[H]/N=C(/C)N", "CC(=N)N", "[H]/N=C(/C)N"),
        ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]"),  # charges are not neutralised
        ("[Xx]C", None, None),  # no element
        ("[CH3:1][CH2:2][OH:3]", "CCO", "CCO"),
        ("[CH3:1][C@H](O)[CH3:2]", "CC(C)O", "CC(C)O"),  # no stereocentre without the numbers
        ("[H:1][CH2:2]O", "CO", "CO"),
        ("[NH3]->[Pt](Cl)(Cl)<-[NH3]", "[NH3]->[Pt](<-[NH3])([Cl])[Cl]", "[NH3]->[Pt](<-[NH3])([Cl])[Cl]"),
        ("[NH4+].CC(N)=O", "CC(N)=O", "CC(N)=O"),
        ("C1CC(N", None, None),
        ("CN(C)(C)C", None, None),  # a nitrogen with four bonds and no charge
    ],
)
def test_canonical_smiles(text, flat, stereo):
    assert canonical(text, stereo=False) == flat
    assert canonical(text, stereo=True) == stereo
    if flat:
        assert canonical(flat, stereo=False) == flat


def test_prepare_gives_distinct_canonical_molecules_that_fit(tmp_path, capfd):
    lines = ["OCC", "C1CC(N", "CCO", "CC(=O)[O-].[Na+]", "O[13CH3]", "C[C@H](N)C(=O)O", "C" * 11, "C" * 12, "C" * 5001]
    lines += ["CN->[Fe]", "CC>>CO"]
    path = write(tmp_path, "mixed.smi", "\n".join(lines).encode())
    assert list(Molecules({"length": 12}).prepare(path)) == [
        Record("mixed.smi:1", "CCO"),
        Rejected("mixed.smi:2", "not a valid SMILES"),
        Rejected("mixed.smi:3", "duplicate"),
        Record("mixed.smi:4", "CC(=O)[O-]"),
        Record("mixed.smi:5", "[13CH3]O"),
        Record("mixed.smi:6", "CC(N)C(=O)O"),
        Record("mixed.smi:7", "C" * 11),
        Rejected("mixed.smi:8", "12 tokens, more than 11"),
        Rejected("mixed.smi:9", "longer than 5000 characters"),
        Record("mixed.smi:10", "C[NH2]->[Fe]"),
        Rejected("mixed.smi:11", "not a valid SMILES"),
    ]
    assert capfd.readouterr().err == ""  # RDKit's complaints are not for the terminal


def test_prepare_keeps_order_across_chunks_and_streams(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 7)
    molecules = list(read(data_sets.SAMPLE))[:100]
    path = write(tmp_path, "a.smi.gz", "\n".join(record.text for record in molecules).encode())
    prepared = list(reading.prepare(path, reading.Rules(99, False), workers=2))
    assert [record.text for record in prepared] == [record.text for record in molecules]
    taken = []
    source = (taken.append(record) or record for record in molecules)
    stream = reading._in_processes(source, reading.Rules(99, False), workers=1)
    next(stream)
    assert len(taken) == 21  # three chunks of seven, not all hundred
    stream.close()


def test_the_sample_is_what_it_says_and_needs_no_rdkit(monkeypatch):
    sample = data_sets.data_sets()["sample-molecules"]
    path = sample.locate()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sample.sha256
    assert sample.fetch is None and (path.parent / "LICENSE").read_text().startswith("Copyright 2018 Insilico Medicine")
    monkeypatch.setattr(reading, "canonical", None)
    prepared = list(Molecules().prepare(path))
    assert len({record.text for record in prepared}) == len(prepared) == sample.size
    short = list(Molecules({"length": 41}).prepare(path))
    kept = [item for item in short if isinstance(item, Record)]
    assert len(short) == sample.size and 0 < len(kept) < sample.size
    assert all(len(Molecules().tokenize(record.text)) <= 40 for record in kept)
    assert any(len(record.text) > 40 for record in kept)  # tokens are counted, not characters


def test_the_sample_is_canonical():
    texts = [record.text for record in read(data_sets.SAMPLE)][::20]
    assert sum(canonical(text, stereo=False) == text for text in texts) >= 0.999 * len(texts)  # RDKit has changed since


METADATA = "Metadata-Version: 2.1\nName: molsets\nVersion: 0.3.1\nRequires-Dist: no-such-package\n"


@pytest.fixture
def small_wheel(tmp_path, monkeypatch):
    """A wheel like that of MOSES, of two molecules, where pip finds it; the cache is empty."""
    wheel = tmp_path / "index" / "molsets-0.3.1-py3-none-any.whl"
    wheel.parent.mkdir()
    info = "molsets-0.3.1.dist-info/"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, *_ in data_sets.SPLITS.values():
            archive.writestr(data_sets.MEMBERS + file, gzip.compress(b"SMILES\nCCO\nCC\n", mtime=0))
        archive.writestr(data_sets.LICENCE_MEMBER, "do as you like")
        archive.writestr(info + "METADATA", METADATA)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    return wheel


def test_fetch_takes_the_files_out_of_the_wheel(small_wheel, monkeypatch, tmp_path):
    monkeypatch.setattr(data_sets, "WHEEL_SHA256", hashlib.sha256(small_wheel.read_bytes()).hexdigest())
    moses = data_sets.data_sets()["moses-test"]
    assert moses.locate() is None
    path = moses.fetch()
    assert moses.locate() == path == tmp_path / "cache" / "moses" / "test.csv.gz"
    assert [record.text for record in read(path)] == ["CCO", "CC"]
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["LICENSE", "test.csv.gz", "test_scaffolds.csv.gz", "train.csv.gz"]  # nothing temporary is left
    assert (path.parent / "LICENSE").read_text() == "do as you like"


def test_fetch_refuses_another_wheel_and_leaves_nothing(small_wheel, tmp_path):
    with pytest.raises(UserError, match="is not the published one"):
        data_sets.data_sets()["moses"].fetch()
    assert list((tmp_path / "cache" / "moses").iterdir()) == []


def test_fetch_offline_says_what_to_do(small_wheel):
    small_wheel.unlink()
    with pytest.raises(UserError, match=r"pip could not download molsets==0\.3\.1 \(.*molsets.*\): check that pip"):
        data_sets.data_sets()["moses"].fetch()


def test_fetch_does_not_download_what_is_here(small_wheel, tmp_path, monkeypatch):
    content = gzip.compress(b"SMILES\nC\n")
    splits = {"moses": ("train.csv.gz", 1, hashlib.sha256(content).hexdigest(), "tiny")}
    monkeypatch.setattr(data_sets, "SPLITS", splits)
    small_wheel.unlink()
    folder = tmp_path / "cache" / "moses"
    folder.mkdir(parents=True)
    (folder / "train.csv.gz").write_bytes(content)
    assert data_sets.data_sets()["moses"].fetch() == folder / "train.csv.gz"
    (folder / "train.csv.gz").write_bytes(content[:-1])
    with pytest.raises(UserError, match="pip could not download"):
        data_sets.data_sets()["moses"].fetch()
