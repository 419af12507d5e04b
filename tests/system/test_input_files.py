"""What is read: no device, no pipe, and nothing that unpacks to more than anyone has."""

import gzip
import io
import os
import zipfile

import numpy as np
import pytest

from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.system import input_files
from seqtutor.system.files import read_arrays


def npy(shape, descr="<i8", body=b""):
    """The bytes of an array as its header tells of it."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue() + body


def zipped(path, how=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize("read", [lambda path: list(text_files.lines(path, "x")), read_arrays, input_files.open_input])
def test_devices_and_pipes_are_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "fifo.npz")
    for path, kind in ((tmp_path / "fifo.npz", "a pipe"), (input_files.Path("/dev/zero"), "a device")):
        with pytest.raises(UserError, match=f"'{path}' is {kind}, which may never end; copy what is in it into a file"):
            read(path)


def test_a_folder_is_an_error_of_the_operating_system(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        input_files.open_input(tmp_path)
    assert caught.value.filename == str(tmp_path)


def test_a_text_that_is_too_large(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 101)
    assert input_files.read_text(tmp_path / "a", 101) == "x" * 101
    with pytest.raises(UserError, match="larger than"):
        input_files.read_text(tmp_path / "a", 100)


@pytest.mark.parametrize("block", [b"\n", b"CCO\n", b" " * 999 + b"\n"])
def test_a_gzip_bomb_is_told_soon(tmp_path, block):
    """80 MiB out of 80 KiB."""
    path = tmp_path / "bomb.smi.gz"
    path.write_bytes(gzip.compress(block * ((80 << 20) // len(block)), 9))
    with pytest.raises(UserError, match="unpacks to more than 100 times its size; if you trust it, unpack"):
        next(text_files.lines(path, "x"))


def test_what_is_packed_well_but_small_is_read(tmp_path):
    (tmp_path / "a.smi.gz").write_bytes(gzip.compress(b"CCO\n" * 100_000))
    assert sum(1 for _ in text_files.lines(tmp_path / "a.smi.gz", "x")) == 100_000


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_a_line_that_is_no_text(tmp_path, name):
    (tmp_path / name).write_text("text\n" + "C" * 1_000_001)
    with pytest.raises(UserError, match=r"line 2: longer than 1,000,000 characters; is it text\?"):
        list(text_files.texts(tmp_path / name, "x", "", ["text"]))


def test_the_columns_of_a_wide_table_are_not_all_named(tmp_path):
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(1000)) + "\n")
    with pytest.raises(UserError, match=r"'c19', 980 more\)"):
        list(text_files.texts(tmp_path / "a.csv", "x", "", ["text"]))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"tokens": npy((10**12, 32), body=bytes(64))}, "does not have that size"),
        ({"tokens": npy((10**9, 0))}, "holds nothing"),
        ({"tokens": npy((2**62, 2**62))}, "does not have that size"),
        ({"tokens": npy((1,), "|O", b"x" * 8)}, "Python objects"),
        ({"tokens": b"x" * 100}, "magic string"),
    ],
)
def test_an_array_that_lies(tmp_path, members, said):
    path = zipped(tmp_path / "a.npz", **members)
    with pytest.raises(UserError, match=f"cannot read '{path}' as an .npz file: .*{said}"):
        read_arrays(path)


def test_an_archive_that_unpacks_out_of_all_proportion(tmp_path):
    path = zipped(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, tokens=npy((80 << 20,), "|i1", bytes(80 << 20)))
    with pytest.raises(UserError, match="it unpacks to 80 MiB, out of all proportion"):
        read_arrays(path)


def test_an_archive_that_may_not_be_packed(tmp_path):
    """As a checkpoint is: what it takes in memory is what it takes on the disk."""
    np.savez_compressed(tmp_path / "packed.npz", a=np.zeros(1000))
    np.savez(tmp_path / "plain.npz", a=np.zeros(1000))
    assert len(read_arrays(tmp_path / "plain.npz", packed=False)["a"]) == 1000
    with pytest.raises(UserError, match="out of all proportion"):
        read_arrays(tmp_path / "packed.npz", packed=False)


def test_two_arrays_of_one_name(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for _ in range(2):
            archive.writestr("tokens.npy", npy((0,)))
    with pytest.raises(UserError, match="two arrays of one name"):
        read_arrays(path)


def test_ordinary_arrays(tmp_path):
    arrays = {"none": np.zeros((0, 7)), "one": np.array(3), "some": np.arange(6).reshape(2, 3).T}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
