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
