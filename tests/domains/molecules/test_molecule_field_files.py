"""Files of the kinds that people have, each with the molecules that are right: see `tests/data/field/molecules`."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from seqtutor import api
from seqtutor.domains.molecules import Molecules
from seqtutor.domains.molecules.properties import examine
from seqtutor.reading.records import Record, Rejected
from seqtutor.stats.estimate import Estimate
from tests.support.places import DATA

FOLDER = DATA / "field" / "molecules"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def judged(path: Path, reference: Path) -> Mapping[str, Estimate]:
    return api.evaluate(path, domain="molecules", reference=str(reference), reward="valid", quiet=True)[path.name]


@pytest.mark.parametrize("name", EXPECTED)
def test_file_is_read_rightly(name):
    right, items = EXPECTED[name], list(Molecules().read(FOLDER / name))
    read = [item for item in items if isinstance(item, Record)]
    rejected = [item for item in items if isinstance(item, Rejected)]
    assert len(read) == right.get("read", len(read))
    assert len(rejected) == right.get("rejected", len(rejected))
    assert len(items) == right.get("read_plus_rejected", len(items))
    if "canonical" in right:
        assert [examine(record.text, properties=False).canonical for record in read] == right["canonical"]
    if "imported" in right:
        assert sum(isinstance(item, Record) for item in Molecules().prepare(FOLDER / name)) == right["imported"]


@pytest.mark.parametrize("name", ["stereo.smi", "18-stereo-salts.smi", "21-atom-maps.smi"])
def test_file_is_judged_rightly(name, tmp_path):
    right = EXPECTED[name]
    found = judged(FOLDER / name, FOLDER / name)
    assert found["novel"].value == right.get("novel_against_itself", 0.0)
    assert found["unique"].value == right.get("unique", found["unique"].value)
    if "novel_against" in right:
        (tmp_path / "reference.smi").write_text("\n".join(right["novel_against"]["reference"]))
        novel = judged(FOLDER / name, tmp_path / "reference.smi")["novel"]
        assert novel.value == right["novel_against"]["novel"]


def test_only_the_row_of_a_stray_quote_is_lost():
    rejected = [item for item in Molecules().read(FOLDER / "17b-stray-quote.csv") if isinstance(item, Rejected)]
    assert rejected == [Rejected("17b-stray-quote.csv:4", "a quote that is never closed")]
