"""Parquet: columns written and read, where pyarrow is installed; one clear line where it is not."""

import sys

import numpy as np
import pandas as pd
import pytest

from seqtutor.domains import make_domain
from seqtutor.errors import UserError
from seqtutor.reading import parquet
from seqtutor.reading.records import Rejected
from tests.api.test_samples import samples_of

MOLECULES = make_domain({"name": "molecules"})


def test_without_pyarrow_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"pip install 'seqtutor\[parquet\]'"):
        list(MOLECULES.read(tmp_path / "a.parquet"))
    with pytest.raises(UserError, match=r"pip install 'seqtutor\[parquet\]'"):
        samples_of("molecules", ["C"]).save(tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()


def test_a_column_is_read_as_of_any_table(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parquet, "BLOCK", 2)
    path = tmp_path / "a.parquet"
    table = pd.DataFrame({"id": [1, 2, 3, 4], "Canonical SMILES": ["C", None, "CCO name", "c1ccccc1"]})
    table.to_parquet(path)
    first, empty, second, third = MOLECULES.read(path)
    assert (first, second.text, third.name) == (("a.parquet:1", "C", ()), "CCO", "a.parquet:4")
    assert empty == Rejected("a.parquet:2", "empty")
    assert all(item.reason == "no text, but int" for item in MOLECULES.read(tmp_path / "a.parquet:id"))
    with pytest.raises(UserError, match="columns found: 'id', 'Canonical SMILES'"):
        list(MOLECULES.read(tmp_path / "a.parquet:activity"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="as Parquet"):
        list(MOLECULES.read(path))


def test_a_text_that_is_no_utf_8(tmp_path):
    """Of pages without a checksum, as most are, a damaged one is read as it is."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    files.write_table(pyarrow.table({"smiles": ["CCXCC"]}), tmp_path / "a.parquet", compression="none")
    path = tmp_path / "a.parquet"
    path.write_bytes(path.read_bytes().replace(b"CCXCC", b"CC\xc3CC"))
    with pytest.raises(UserError, match=r"cannot read '.*' as Parquet: 'utf-8' codec can't decode byte 0xc3"):
        list(MOLECULES.read(path))


def test_a_file_that_unpacks_to_too_much(tmp_path, monkeypatch):
    """A text that stands in the file once and in many rows; and one that its own header tells to be too large."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    monkeypatch.setattr("seqtutor.system.input_files.PACKED_FREELY", 1 << 20)
    once = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 9_000, pyarrow.int32()), ["C" * 1_000])
    files.write_table(pyarrow.table({"smiles": once}), tmp_path / "rows.parquet")
    rows = parquet.column(tmp_path / "rows.parquet", "rows", lambda names: 0)
    assert next(rows).text == "C" * 1_000
    with pytest.raises(UserError, match=r"unpacks to more than 100 times its size; .* save it as \.csv"):
        list(rows)
    files.write_table(pyarrow.table({"smiles": ["C" * 2_000_000]}), tmp_path / "long.parquet", compression="zstd")
    with pytest.raises(UserError, match="unpacks to more than 100 times its size"):
        next(parquet.column(tmp_path / "long.parquet", "long", lambda names: 0))


@pytest.mark.parametrize("domain, texts", [("molecules", ["CCO", "C1C", "c1ccccc1"]), ("music", ["C4 hold off"] * 3)])
def test_samples_come_back(tmp_path, monkeypatch, domain, texts):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parquet, "BLOCK", 2)
    samples = samples_of(domain, texts)
    samples.save(tmp_path / "x.parquet")
    read = pd.read_parquet(tmp_path / "x.parquet")
    assert list(read["text"]) == texts and list(read["total"]) == [0, 1, 2]
    assert read["log_prior"].dtype == np.float32 and list(read["tokens"]) == list(samples.to_pandas()["tokens"])
    assert [item.text for item in samples.domain.read(tmp_path / "x.parquet")] == texts
