"""Checkpoints: round trip, damage found, newest whole one used, nothing half-written ever seen."""

import json

import numpy as np
import pytest

from seqtutor.errors import UserError
from seqtutor.runs import checkpoint
from seqtutor.runs.checkpoint import Checkpoint
from seqtutor.runs.run import load_run


def made(step, value=0.0):
    arrays = checkpoint.join(prior={"w": np.full(3, value)}, replay={"rows/x": np.arange(4, dtype=np.uint8)})
    return Checkpoint(step, {"kind": "prior", "note": "é"}, arrays)


def test_round_trip(tmp_path):
    checkpoint.save(tmp_path, made(7, 1.5))
    loaded = checkpoint.load_newest(tmp_path)
    assert loaded.step == 7
    assert loaded.meta["note"] == "é"
    np.testing.assert_array_equal(loaded.group("prior")["w"], np.full(3, 1.5))
    assert loaded.group("replay")["rows/x"].dtype == np.uint8


def test_the_newest_and_the_best_are_kept(tmp_path):
    for step in range(1, 6):
        checkpoint.save(tmp_path, made(step, step), best=step == 2)
    names = sorted(path.name for path in tmp_path.glob("step-*"))
    assert names == ["step-00000002", "step-00000004", "step-00000005"]
    assert checkpoint.load_best(tmp_path).step == 2


def test_without_a_best_the_newest_is_used(tmp_path):
    checkpoint.save(tmp_path, made(3))
    assert checkpoint.load_best(tmp_path).step == 3


@pytest.mark.parametrize("damage", ["flip", "truncate", "no json", "half json", "no arrays"])
def test_damage_is_found_and_an_older_one_used(tmp_path, damage):
    checkpoint.save(tmp_path, made(1))
    checkpoint.save(tmp_path, made(2), best=True)
    arrays, meta = (tmp_path / "step-00000002" / name for name in ("arrays.npz", "checkpoint.json"))
    data = bytearray(arrays.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        arrays.write_bytes(data)
    elif damage == "truncate":
        arrays.write_bytes(data[: len(data) // 2])
    elif damage == "no json":
        meta.unlink()
    elif damage == "half json":
        meta.write_text(meta.read_text()[:20])
    else:
        arrays.unlink()
    told = []
    assert checkpoint.load_newest(tmp_path, told.append).step == 1
    assert len(told) == 1
    assert "step-00000002 is damaged" in told[0]
    assert checkpoint.load_best(tmp_path, told.append).step == 1


def test_a_folder_being_written_is_not_a_checkpoint(tmp_path):
    checkpoint.save(tmp_path, made(1))
    (tmp_path / ".writing-1").mkdir()
    (tmp_path / "step-00000002.part").mkdir()
    assert checkpoint.load_newest(tmp_path).step == 1


def test_none_and_nothing_whole(tmp_path):
    assert checkpoint.load_newest(tmp_path) is None
    with pytest.raises(UserError, match="no whole checkpoint"):
        checkpoint.load_best(tmp_path)


def test_another_format_is_refused_not_misread(tmp_path):
    checkpoint.save(tmp_path, made(1))
    path = tmp_path / "step-00000001" / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(UserError, match="format 99"):
        checkpoint.load_newest(tmp_path)


def test_objects_are_not_stored(tmp_path):
    """No pickle: an object array is refused when loading (numpy would pickle it)."""
    checkpoint.save(tmp_path, Checkpoint(1, {}, {"x": np.array([{"a": 1}], dtype=object)}))
    told = []
    assert checkpoint.load_newest(tmp_path, told.append) is None
    assert "damaged" in told[0]


def test_discard_after(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, made(step), best=True)
    checkpoint.discard_after(tmp_path, 1)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000001"]
    assert checkpoint.load_best(tmp_path).step == 1


def test_a_vocabulary_without_the_end_token_that_its_domain_has(make_run):
    path = make_run()
    saved = checkpoint.load_best(path / "checkpoints")
    saved.meta["vocabulary"]["end"] = None
    checkpoint.save(path / "checkpoints", saved, best=True)
    with pytest.raises(UserError, match="has no end token"):
        load_run(path)
