"""Arrays of a checkpoint are checked by what its config says of them before any is read."""

import re

import numpy as np
import pytest

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.runs import checkpoint
from seqtutor.runs.array_forms import Form, at_most, check_values, wanted
from seqtutor.runs.run import load_run
from seqtutor.system.files import Header, array_headers
from seqtutor.tuning.tuner import Tuner
from tests.support import holes
from tests.support.terms import terms
from tests.support.toy import Toy

TOY = Toy().with_vocabulary("ab")


def header(array):
    return Header(array.shape, array.dtype)


def test_wanted():
    forms = {"a/x": Form("f", (2, 3)), "b/*/rows": at_most("iu", 4, 5), "c/*": Form("fS", None)}
    good = {
        "a/x": np.zeros((2, 3)),
        "b/0/rows": np.zeros((4, 1), np.uint8),
        "c/1": np.zeros(9),
        "c/2": np.array([b"x"]),
    }
    headers = {name: header(array) for name, array in good.items()}
    assert list(wanted({**headers, "other/x": header(np.zeros(10**6))}, forms)) == list(good)
    for name, array, said in (
        ("a/x", np.zeros((3, 2)), "array a/x is float64 of shape [3, 2], not float of shape [2, 3]"),
        ("a/x", np.zeros((2, 3), np.complex64), "array a/x is complex64"),
        ("a/x", np.zeros((2, 3, 1)), "array a/x is"),
        ("a/x", np.zeros((2, 3), np.longdouble), "array a/x is"),
        ("b/7/rows", np.zeros((4, 6), int), "not int or uint of shape [4, 5] at the most"),
        ("b/7/rows", np.zeros((5, 0), int), "not int or uint of shape [4, 5] at the most"),
        ("b/7/rows", np.zeros((4, 5)), "array b/7/rows is float64"),
        ("b/7/columns", np.zeros(1), "array b/7/columns is left over"),
        ("c/1", np.zeros(1, "U1"), "array c/1 is <U1 of shape [1], not float or bytes of any shape"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            wanted({**headers, name: header(array)}, forms)


@pytest.mark.parametrize("value", [np.nan, -1.0, 2.5, np.inf])
def test_values(value):
    forms = {"a/x": at_most("f", 3, between=(0, 2))}
    check_values({"a/x": np.array([0.0, 2.0])}, forms)
    check_values({"a/x": np.zeros(0)}, forms)
    with pytest.raises(ValueError, match="array a/x has values that are not from 0 to 2"):
        check_values({"a/x": np.array([1.0, value])}, forms)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.update({"prior/logits/kernel": np.zeros((8, 999), np.float32)}),
         r"array prior/logits/kernel is float32 of shape \[8, 999\], not float of shape \[8, [0-9]+\]"),
        (lambda arrays: arrays.update({"online/value/bias": np.zeros(1, int)}), "array online/value/bias is int64"),
        (lambda arrays: arrays.update({"online/more": np.zeros(9)}), "array online/more is left over"),
    ],
)  # fmt: skip
def test_a_run_whose_arrays_are_not_what_its_config_says(make_run, monkeypatch, change, said):
    path = make_run(variant="psi")
    saved = checkpoint.load_best(path / "checkpoints")
    change(saved.arrays)
    checkpoint.save(path / "checkpoints", saved, best=True)
    monkeypatch.setattr(checkpoint, "read_arrays", lambda *_, **__: pytest.fail("they are read"))
    with pytest.raises(UserError, match=f"^checkpoint of {path} does not fit together .{said}"):
        load_run(path)


def test_a_run_whose_weights_are_not_finite(make_run):
    path = make_run()
    saved = checkpoint.load_best(path / "checkpoints")
    saved.arrays["prior/logits/bias"][0] = np.nan
    checkpoint.save(path / "checkpoints", saved, best=True)
    with pytest.raises(UserError, match=r"array prior/logits/bias has values that are not from -3.4e\+38 to 3"):
        load_run(path)


def test_what_a_run_does_not_need_is_not_read(make_run, monkeypatch):
    path = make_run()
    saved = checkpoint.load_best(path / "checkpoints")
    saved.arrays["replay/0/rows/tokens"] = np.zeros((100, 100))
    checkpoint.save(path / "checkpoints", saved, best=True)
    read, names = checkpoint.read_arrays, []
    monkeypatch.setattr(checkpoint, "read_arrays", lambda file, *of, **how: names.extend(of) or read(file, *of, **how))
    load_run(path)
    assert names and all(name.startswith("prior/") for name in names)


def test_a_file_with_holes(tmp_path):
    """It has gigabytes, and takes no room on the disk."""
    path = tmp_path / "arrays.npz"
    holes.write_arrays(path, 80, "x")
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("this file system fills holes")
    with pytest.raises(UserError, match="unpacks to 80 MiB, out of all proportion"):
        array_headers(path)


def test_a_file_that_holds_more_than_its_arrays(tmp_path):
    path = tmp_path / "arrays.npz"
    with open(path, "wb") as file:
        file.write(b"PK\3\4" + bytes(4096))
        np.savez(file, x=np.zeros(3))
    with pytest.raises(UserError, match="holds more than its arrays"):
        array_headers(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "psi", "priority": 0.5, "units": 6}, {"variant": "pg", "best_batch": 2}, {"variant": "dpg"},
        {"variant": "tb", "particles": 4, "until": 9.0},
        {"variant": "g", "primer": "ab", "best_batch": 3, "lookahead": True},
    ],
)  # fmt: skip
def test_every_array_of_a_tuned_checkpoint_has_a_form(settings):
    config = Config(
        domain={"name": "toy"}, model=ModelConfig(units=4),
        tune=TuneConfig(rounds=3, batch=8, minibatch=4, buffer=16, best=5, **settings),
    )  # fmt: skip
    tuner = Tuner(config, TOY, SequenceModel(config.model, TOY.vocabulary.size), TOY.reward(terms({"a": 1})))
    for number in range(3):
        tuner.round(number)
    saved = tuner.snapshot(3)
    headers = {name: header(array) for name, array in saved.arrays.items()}
    assert list(wanted(headers, tuner.forms())) == list(headers)
    other = Tuner(config, TOY, SequenceModel(config.model, TOY.vocabulary.size), TOY.reward(terms({"a": 1})))
    forms = wanted(headers, other.forms())
    assert list(forms) == list(headers)
    check_values(saved.arrays, forms)
    for name in saved.arrays:
        part = name.rpartition("/")[2]
        if part in ("tokens", "lengths", "primer") and not name.startswith("loop/") and saved.arrays[name].size:
            for value in (-1, 99):
                with pytest.raises(ValueError, match=f"array {name} has values that are not from 0 to"):
                    check_values({**saved.arrays, name: saved.arrays[name] * 0 + value}, forms)
