"""Priors of REINVENT: the same log-probabilities, from a file that its own classes wrote; files that are none."""

import io
import json
import pickle
import tracemalloc
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import seqtutor as st
from seqtutor.cli.main import run
from seqtutor.config import ModelConfig
from seqtutor.domains import make_domain
from seqtutor.errors import UserError
from seqtutor.exchange import reinvent, torch_archive
from seqtutor.exchange.torch_archive import Inert
from seqtutor.kl_control.variants import VARIANTS
from seqtutor.policy.policy import Policy
from seqtutor.policy.sequence_model import SequenceModel
from tests.support.places import DATA

PRIOR = DATA / "reinvent" / "small.prior"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reinvent")
    assert run(["import-reinvent", str(PRIOR), "--out", str(folder / "prior"), "--quiet"]) == 0
    return st.load_run(folder / "prior")


def test_the_log_probabilities_of_reinvent(imported, tmp_path):
    """100 molecules; tests/data/reinvent/make.py has how theirs were made."""
    theirs = json.loads((DATA / "reinvent" / "log_p.json").read_text())
    (tmp_path / "100.smi").write_text("\n".join(theirs))
    scores = st.score(tmp_path / "100.smi", model=imported, reward="valid", quiet=True)
    assert len(theirs) == 100
    np.testing.assert_allclose(scores["log_prob"], list(theirs.values()), atol=1e-4, rtol=0)


def test_what_the_run_says(imported):
    assert (imported.config.model.sizes, imported.config.domain["length"]) == ((32, 32), 127)
    symbols = imported.domain.vocabulary.symbols
    assert symbols[:2] == ("<end>", "^") and {"Br", "[nH]", "C", "c"} < set(symbols) and "$" not in symbols
    drawn = imported.sample(50, seed=0, reward="valid", quiet=True)
    assert drawn.to_pandas()["valid"].sum() > 0  # a network that learned for 300 steps
    assert run(["import-reinvent", str(PRIOR), "--out", str(imported.path)]) == 2  # is there already


def test_the_way_back(imported, tmp_path):
    """What is written is read back to the same weights, and any pickle reader finds the types that torch has."""
    export = ["export", str(imported.path), "--format", "reinvent", "--out", str(tmp_path / "again.prior")]
    assert run([*export, "--quiet"]) == 0
    theirs, again = reinvent.read(PRIOR), reinvent.read(tmp_path / "again.prior")
    assert again[:3] == theirs[:3]
    for name, array in theirs.weights.items():
        np.testing.assert_allclose(again.weights[name], array, atol=1e-6, err_msg=name)
    with zipfile.ZipFile(tmp_path / "again.prior") as file:
        saved = Unpickler(io.BytesIO(file.read("archive/data.pkl"))).load()
    assert saved["model_type"] == "Reinvent" and saved["max_sequence_length"] == 128
    assert saved["network_params"]["embedding_layer_size"] == len(theirs.symbols) + 1
    names = {"_embedding.weight", "_linear.weight", "_linear.bias"}
    names |= {f"_rnn.{kind}_l{i}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") for i in range(2)}
    assert saved["network"].keys() == names
    assert saved["network"]["_rnn.weight_hh_l1"][2:] == ((128, 32), (32, 1), False, {})
    assert run(export) == 2  # is there already


class Unpickler(pickle.Unpickler):
    """Python's own, with tensors as the arguments that torch would rebuild them from."""

    def find_class(self, module, name):
        found = {"collections.OrderedDict": dict, "torch.FloatStorage": "FloatStorage"}
        found["torch._utils._rebuild_tensor_v2"] = lambda *arguments: arguments
        return found[f"{module}.{name}"]

    def persistent_load(self, what):
        assert what[0] == "storage" and what[1] == "FloatStorage" and what[3] == "cpu"
        return what[2]


def test_a_vocabulary_without_begin_and_policies_that_are_no_network(tmp_path):
    domain = make_domain({"name": "molecules", "length": 20}).with_vocabulary(["C", "O"])
    network = SequenceModel(ModelConfig(units=4, embedding=3), 3, seed=1)
    of = SimpleNamespace(domain=domain, path=tmp_path, policy=Policy(network))
    reinvent.write(of, tmp_path / "a.prior")
    found = reinvent.read(tmp_path / "a.prior")
    assert (found.symbols, found.length, found.sizes) == (("<end>", "^", "C", "O"), 20, (4,))
    whole = network.get()
    kernel = whole["embedding"] @ whole["layer0/kernel"]
    np.testing.assert_allclose(found.weights["layer0/kernel"], kernel[[0, 3, 1, 2, 3]], atol=1e-6)
    np.testing.assert_array_equal(found.weights["logits/bias"][[0, 2, 3]], whole["logits/bias"])
    assert found.weights["logits/bias"][1] == -40 and not found.weights["logits/kernel"][:, 1].any()
    gru = SequenceModel(ModelConfig(units=4, cell="gru"), 3)
    for policy, said in (
        (Policy(gru), "other layers than LSTM"),
        (Policy(network, network, VARIANTS["g"]), "adds its network to the prior's"),
    ):
        with pytest.raises(UserError, match=said):
            reinvent.write(SimpleNamespace(domain=domain, path=tmp_path, policy=policy), tmp_path / "b.prior")
    assert not (tmp_path / "b.prior").exists()


def archive(path, saved, storages=(), name="data.pkl"):
    """A file as torch writes it, of a pickle's bytes."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"archive/{name}", saved)
        for key, numbers in enumerate(storages):
            file.writestr(f"archive/data/{key}", np.asarray(numbers, "<f4").tobytes())
    return path


class Harmful:
    """A class whose pickle would make a folder."""

    def __init__(self, where):
        self.where = where

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.where),)


def test_nothing_in_a_file_is_called(tmp_path):
    for protocol in range(2, 6):
        path = archive(tmp_path / f"{protocol}.prior", pickle.dumps({"a": Harmful(tmp_path / "made")}, protocol))
        found = torch_archive.load(path)["a"]
        assert (found.name.rpartition(".")[2], found.arguments) == ("mkdir", (str(tmp_path / "made"),))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_what_pickles_hold_is_read(tmp_path, protocol):
    saved = {
        "a": [1, -2, 3.5, 10**20],
        "b": ("x", None, True, False),
        3: {"d": [], "e": ()},
        "f": 2.0**-1074,
        "g": [[0]] * 3,
    }
    assert torch_archive.load(archive(tmp_path / "a.pt", pickle.dumps(saved, protocol))) == saved


def tensor(count, offset, shape, strides, kind="FloatStorage"):
    """The pickle of a tensor as torch writes it: its storage by a persistent id, then a call that rebuilds it."""
    numbers = lambda values: b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"  # noqa: E731
    storage = b"(Vstorage\nctorch\n%s\nV0\nVcpu\nI%d\ntQ" % (kind.encode(), count)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"I%d\n" % offset
        + numbers(shape)
        + numbers(strides)
        + b"tR."
    )


def test_tensors_are_views_of_their_storage(tmp_path):
    for offset, shape, strides, right in (
        (0, (2, 3), (3, 1), [[0, 1, 2], [3, 4, 5]]),
        (1, (3, 2), (1, 3), [[1, 4], [2, 5], [3, 6]]),  # transposed
        (5, (), (), 5),
        (0, (0, 4), (4, 1), np.zeros((0, 4))),
    ):
        found = torch_archive.load(archive(tmp_path / "a.pt", tensor(7, offset, shape, strides), [range(7)]))
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    "saved, said",
    [
        (tensor(7, 0, (2, 4), (4, 1)), "beyond its storage"),
        (tensor(7, 6, (2,), (1,)), "beyond its storage"),
        (tensor(7, 0, (10**9, 10**9), (0, 0)), "beyond its storage"),
        (tensor(7, 0, (7,), (-1,)), "no storage or shape"),
        (tensor(8, 0, (2,), (1,)), "another size"),
        (tensor(7, 0, (2,), (1,), "BFloat16Storage"), "BFloat16Storage"),
        (b"(I1\n", "damaged"),
        (b"}(I1\n(ttI2\ns.", "damaged"),
        (b"](I1\nR.", "damaged"),
        (b"}((I1\ntI2\nu.", "neither text nor number"),
        (b"\x85.", "damaged"),
        (b"}.", "no vocabulary or network"),
        (b"h\x05.", "damaged"),
        (b"r\xff\xff\xff\x7f.", "damaged"),
    ],
)
def test_damaged_and_hostile_files_are_one_clear_line(tmp_path, saved, said, capsys):
    path = archive(tmp_path / "a.prior", saved, [range(7)])
    assert run(["import-reinvent", str(path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("member", ["data/0", "byteorder"])
def test_a_bomb_is_not_unpacked(tmp_path, member):
    """80 MiB of zeros in 80 KiB."""
    zeros = 80 << 20
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", tensor(7 if member == "byteorder" else zeros // 4, 0, (7,), (1,)))
        file.writestr(f"a/{member}", bytes(zeros))
        if member == "byteorder":
            file.writestr("a/data/0", bytes(28))
    tracemalloc.start()
    try:
        found = torch_archive.load(tmp_path / "a.pt").tolist()
    except UserError as error:
        found = str(error)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [0.0] * 7 if member == "byteorder" else "all of them are too large" in found
    assert most < 10 << 20


def test_the_tensors_of_one_storage_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_archive, "MOST_NUMBERS", 100)
    copies = tensor(7, 0, (7,), (1,)).replace(b"tQ", b"tQq\x00")[:-1]
    again = copies[: copies.index(b"(V")] + b"h\x00" + copies[copies.index(b"q\x00") + 2 :]
    for count, most in ((2, 3), (3, 4)):
        pickle_of = b"](" + copies + again * count + b"e."
        path = archive(tmp_path / f"{count}.pt", pickle_of, [range(7)])
        if 28 * most <= 100:
            assert [each.tolist() for each in torch_archive.load(path)] == [list(range(7))] * most
        else:
            with pytest.raises(UserError, match="its tensors are too large"):
                torch_archive.load(path)


def test_what_is_no_archive(tmp_path):
    (tmp_path / "old.prior").write_bytes(b"\x80\x02l\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    with pytest.raises(UserError, match="before torch"):
        reinvent.read(tmp_path / "old.prior")
    with pytest.raises(UserError, match="no-such"):
        reinvent.read(tmp_path / "no-such.prior")
    with pytest.raises(UserError, match=r"no data\.pkl"):
        reinvent.read(archive(tmp_path / "a.prior", b"}.", name="other.pkl"))


@pytest.fixture
def saved():
    return torch_archive.load(PRIOR)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda saved: saved["network_params"].update(cell_type="gru"), "GRU"),
        (lambda saved: saved["network_params"].update(layer_normalization=True), "normalisation"),
        (lambda saved: saved["network"].pop("_linear.bias"), "_linear.bias"),
        (lambda saved: saved["network"].update(more=np.zeros(3)), "left over: more"),
        (
            lambda saved: saved["network"].update({"_rnn.weight_hh_l1": np.zeros((124, 32))}),
            "shape of layer1/recurrent",
        ),
        (lambda saved: saved["network"]["_linear.bias"].fill(np.nan), "not finite"),
        (lambda saved: saved["vocabulary"]["tokens"].update(C=0), "numbered one by one"),
        (
            lambda saved: saved["vocabulary"]["tokens"].update({"Xx": len(saved["vocabulary"]["tokens"])}),
            "'Xx'|cannot be",
        ),
        (lambda saved: saved["vocabulary"].update(tokens=3), "as it is known here"),
        (lambda saved: saved["network"].pop("_rnn.weight_ih_l0"), "as it is known here"),
        (lambda saved: saved.pop("max_sequence_length"), "max_sequence_length"),
    ],
)
def test_other_networks_are_named(saved, monkeypatch, change, said):
    change(saved)
    monkeypatch.setattr(torch_archive, "load", lambda path: saved)
    with pytest.raises(UserError, match=said):
        reinvent.read(PRIOR)


def test_a_vocabulary_saved_as_an_object(saved, monkeypatch):
    """As version 3 has it: numbers by token and tokens by number in one dictionary."""
    new = reinvent.read(PRIOR)
    tokens = saved["vocabulary"]["tokens"]
    old = Inert(
        "reinvent.Vocabulary", state={"_tokens": {**tokens, **{number: token for token, number in tokens.items()}}}
    )
    monkeypatch.setattr(torch_archive, "load", lambda path: {**saved, "vocabulary": old})
    assert reinvent.read(PRIOR).symbols == new.symbols
