"""SDF: records as programs write them, with names and properties; what is written is read back."""

import gzip

import pytest
from rdkit import Chem

from seqtutor.cli.main import run
from seqtutor.domains.molecules import Molecules, sdf
from seqtutor.domains.molecules.properties import examine
from seqtutor.errors import UserError
from seqtutor.reading.records import Record, Rejected
from tests.api.test_samples import samples_of

# As drawing programs store it: atoms, bonds, of which one is a wedge, then properties.
CHIRAL = """a name  of two words
  program

  4  3  0  0  1  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    0.0000    1.0000    0.0000 F   0  0
    0.8700   -0.5000    0.0000 Cl  0  0
   -0.8700   -0.5000    0.0000 Br  0  0
  1  2  1  1
  1  3  1  0
  1  4  1  0
M  END
>  <activity>  (1)
7.25

>  <comment>
two
lines

"""
WITH_HYDROGENS = """
  program

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 O   0  0
    0.9000    0.0000    0.0000 H   0  0
   -0.3000    0.9000    0.0000 H   0  0
  1  2  1  0
  1  3  1  0
M  END
"""
FLUORINE = "two bonds\n" + WITH_HYDROGENS.split("\n", 1)[1].replace(" O ", " F ").replace(" H ", " C ")
EMPTY = "empty\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"


def written(path, *records, last="$$$$\n"):
    path.write_text("$$$$\n".join(records) + last, encoding="latin-1", newline="")
    return path


def test_records_are_read_with_their_names(tmp_path):
    path = written(tmp_path / "a.sdf", CHIRAL, WITH_HYDROGENS, FLUORINE, "no molecule\nat all\n", EMPTY, "", CHIRAL)
    items = list(Molecules().read(path))
    assert [item.name for item in items] == [
        "a.sdf:1 a name of two words", "a.sdf:2", "a.sdf:3 two bonds", "a.sdf:4 no molecule", "a.sdf:5 empty",
        "a.sdf:6", "a.sdf:7 a name of two words",
    ]  # fmt: skip
    assert [item.text for item in items if isinstance(item, Record)] == ["F[C@@H](Cl)Br", "O", "F[C@@H](Cl)Br"]
    reasons = [item.reason for item in items if isinstance(item, Rejected)]
    assert reasons == ["not a valid molecule", "not a molecule", "no atoms", "not a molecule"]


@pytest.mark.parametrize("name", ["b.SDF", "b.sd", "b.sdf.gz"])
def test_endings_line_ends_and_a_last_record_without_its_end(tmp_path, name):
    text = (
        (CHIRAL + "$$$$\n" + WITH_HYDROGENS)
        .replace("\n", "\r\n")
        .replace("comment", "Bemerkung über")
        .encode("latin-1")
    )
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert [item.text for item in Molecules().read(tmp_path)] == [item.text for item in Molecules().read(path)]
    assert [item.text for item in Molecules().prepare(path)] == ["FC(Cl)Br", "O"]


def test_records_without_an_end_and_crowds_of_atoms_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sdf, "MOST_LINES", 30)
    monkeypatch.setattr(sdf, "MOST_ATOMS", 3)
    path = written(tmp_path / "a.sdf", CHIRAL, WITH_HYDROGENS + "\n" * 30, WITH_HYDROGENS)
    chiral, long, water = Molecules().read(path)
    assert chiral.reason == "4 atoms, more than 3"
    assert long.reason == "a record of more than 30 lines"
    assert water.text == "O"
    with pytest.raises(UserError, match="has no columns"):
        Molecules().read(tmp_path / "a.sdf:activity")


def test_what_is_written_is_read_back_with_its_properties(tmp_path, caplog):
    texts = ["C[C@H](O)/C=C/Cl", "C1CC", "c1ccccc1[N+](=O)[O-]", "[13CH4]", "CC(=O)[O-].[Na+]"]
    samples = samples_of("molecules", texts)
    assert samples.save(tmp_path / "x.sdf") == [tmp_path / "x.sdf"]
    assert caplog.messages == ["left 1 of 5 samples out of x.sdf, which are no molecules; see samples.csv"]
    read = list(Molecules().read(tmp_path / "x.sdf"))
    valid = [text for text in texts if examine(text).valid]
    assert [item.text for item in read] == [examine(text).canonical for text in valid]
    assert [item.name for item in read] == [f"x.sdf:{i} sample-0000{n}" for i, n in enumerate((1, 3, 4, 5), 1)]
    kept = [mol.GetPropsAsDict() for mol in Chem.SDMolSupplier(str(tmp_path / "x.sdf"))]
    assert [each["text"] for each in kept] == valid
    assert [each["total"] for each in kept] == [0, 2, 3, 4]
    assert kept[0]["log_prior"] == -1.5 and "file" not in kept[0] and "primer" not in kept[0]


def test_score_keeps_the_names(tmp_path):
    path = written(tmp_path / "mine.sdf", CHIRAL, WITH_HYDROGENS)
    assert run(["score", str(path), "--domain", "molecules", "--reward", "qed", "--out", str(tmp_path), "--quiet"]) == 0
    rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["name", "mine.sdf:1 a name of two words", "mine.sdf:2"]
