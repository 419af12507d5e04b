"""Reads and writes the files of `torch.save` since torch 1.6, without torch and without unpickling.

Such a file is a zip archive: data.pkl is a pickle of what was saved, in which a tensor names its storage, and data/KEY
holds each storage's numbers. A pickle is a program for a stack machine. Here that machine is only played: dictionaries,
lists, tuples, texts and numbers are made, tensors become arrays, and anything else becomes an `Inert` note of what
would have been called. Nothing is imported or called by name.
"""

from __future__ import annotations

import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.errors import UserError, shown
from seqtutor.system.files import whole_file
from seqtutor.system.input_files import most_unpacked, open_input

MOST_PICKLE = 1 << 22  # bytes of data.pkl; a network's names and shapes take some thousands
MOST_NUMBERS = 1 << 31  # bytes of all storages that are read, and of all tensors
TYPES = {"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4"}
_VALUES = frozenset(  # operations that put down what they hold
    ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
     "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
     "BINBYTES8")
)  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NOTHING = frozenset(("PROTO", "FRAME"))
_MARK = object()


@dataclass
class Inert:
    """A class or function that a pickle names, or what it would have made of its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def load(path: Path) -> Any:
    """What was saved. Raises UserError for a file that is no such archive, is damaged, or holds more than allowed."""
    try:
        with open_input(path) as file, zipfile.ZipFile(file) as archive:
            return _Machine(_Storages(archive, min(MOST_NUMBERS, most_unpacked(file)))).run(_pickle(archive))
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UserError(
            f"cannot read '{path}' as a file of torch: {error}; if it is of before torch 1.6, load and save it there"
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError) as error:
        raise UserError(f"'{path}' is damaged, or no file of torch: {shown(str(error))}") from None


def save(path: Path, tree: dict[str, Any]) -> None:
    """Writes what `torch.load` gives back, with arrays as tensors of float32.

    Args: tree: dictionaries with texts as keys, of dictionaries, texts, numbers, None and arrays.
    Raises UserError if it cannot be written.
    """
    arrays: list[np.ndarray] = []
    pickle = b"\x80\x02" + _pickled(tree, arrays) + b"."
    with whole_file(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", "little")
        for key, array in enumerate(arrays):
            archive.writestr(f"archive/data/{key}", array.tobytes())
        archive.writestr("archive/version", "3\n")


def _pickled(value: Any, arrays: list[np.ndarray]) -> bytes:
    """The operations that make a value; what arrays hold is put into `arrays`."""
    if isinstance(value, dict):
        return b"}(" + b"".join(_pickled(each, arrays) for item in value.items() for each in item) + b"u"
    if isinstance(value, np.ndarray):
        return _pickled_array(np.ascontiguousarray(value, "<f4"), arrays)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    return b"J" + struct.pack("<i", value)


def _pickled_array(array: np.ndarray, arrays: list[np.ndarray]) -> bytes:
    """As torch pickles a tensor: its storage by a persistent id, offset, shape, strides, no gradient, no hooks."""
    storage = b"(" + _pickled("storage", arrays) + b"ctorch\nFloatStorage\n"
    storage += b"".join(_pickled(each, arrays) for each in (str(len(arrays)), "cpu", array.size)) + b"tQ"
    arrays.append(array)
    shape, strides = (
        b"(" + b"".join(_pickled(number, arrays) for number in numbers) + b"t"
        for numbers in (array.shape, [stride // array.itemsize for stride in array.strides])
    )
    arguments = storage + _pickled(0, arrays) + shape + strides + _pickled(False, arrays)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"ccollections\nOrderedDict\n)RtR"


def _pickle(archive: zipfile.ZipFile) -> bytes:
    found = [info for info in archive.infolist() if info.filename.rpartition("/")[2] == "data.pkl"]
    if len(found) != 1:
        raise ValueError("it has no data.pkl")
    if found[0].file_size > MOST_PICKLE:
        raise ValueError(f"its data.pkl has {found[0].file_size:,} bytes, more than {MOST_PICKLE:,}")
    return archive.read(found[0])


class _Storages:
    """The arrays of an archive, one at a time; `most` bytes of storages in all, and as many of tensors."""

    def __init__(self, archive: zipfile.ZipFile, most: int):
        self._archive, self._left, self._tensors_left = archive, most, most
        self._folder = next((name.rpartition("/")[0] for name in archive.namelist() if name.endswith("data.pkl")), "")
        order = f"{self._folder}/byteorder"
        said = b""
        if order in archive.namelist():
            with archive.open(order) as file:
                said = file.read(8)
        self._order = ">" if said.strip() == b"big" else "<"

    def read(self, kind: str, key: str, count: int) -> np.ndarray:
        """The numbers of a storage, [count]."""
        if kind not in TYPES:
            raise ValueError(f"numbers of the type {kind} cannot be read")
        dtype = np.dtype(self._order + TYPES[kind])
        info = self._archive.getinfo(f"{self._folder}/data/{key}")
        self._left -= info.file_size
        if info.file_size != count * dtype.itemsize or self._left < 0:
            raise ValueError(f"storage {key} has another size than it says, or all of them are too large")
        return np.frombuffer(self._archive.read(info), dtype)

    def tensor(self, storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
        """A copy of the part of a storage that a tensor is. Raises ValueError as `_view`, and for too many."""
        view = _view(storage, offset, shape, strides)
        self._tensors_left -= view.nbytes  # a storage may have many tensors
        if self._tensors_left < 0:
            raise ValueError("its tensors are too large")
        return view.astype(view.dtype.newbyteorder("="))


class _Machine:
    """Plays one pickle."""

    def __init__(self, storages: _Storages):
        self._storages = storages
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._do: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self._stack.append(_MARK),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_LIST": lambda _: self._stack.append([]),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "TUPLE": lambda _: self._stack.append(tuple(self._marked())),
            "TUPLE1": lambda _: self._stack.append(self._pop(1)),
            "TUPLE2": lambda _: self._stack.append(self._pop(2)),
            "TUPLE3": lambda _: self._stack.append(self._pop(3)),
            "APPEND": lambda _: self._extend(self._pop(1)),
            "APPENDS": lambda _: self._extend(self._marked()),
            "SETITEM": lambda _: self._update(self._pop(2)),
            "SETITEMS": lambda _: self._update(self._marked()),
            "GLOBAL": lambda name: self._stack.append(Inert(name.replace(" ", "."))),
            "STACK_GLOBAL": lambda _: self._stack.append(Inert(".".join(map(str, self._pop(2))))),
            "REDUCE": lambda _: self._call(),
            "NEWOBJ": lambda _: self._call(),
            "BUILD": lambda _: self._build(),
            "BINPERSID": lambda _: self._stack.append(self._storage(self._pop(1)[0])),
            "MEMOIZE": lambda _: self._memo.update({len(self._memo): self._stack[-1]}),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda at: self._memo.update({at: self._stack[-1]})),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda at: self._stack.append(self._memo[at])),
            "POP": lambda _: self._stack.pop() and None,
        }

    def run(self, pickle: bytes) -> Any:
        """What the pickle makes."""
        for operation, argument, _ in pickletools.genops(pickle):
            name = operation.name
            if name == "STOP":
                return self._pop(1)[0]
            if name in _VALUES:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in self._do:
                self._do[name](argument)
            elif name not in _NOTHING:
                raise ValueError(f"its pickle has the operation {name}")
        raise ValueError("its pickle has no end")

    def _pop(self, count: int) -> tuple[Any, ...]:
        found = tuple(self._stack[-count:])
        if len(found) < count or any(each is _MARK for each in found):
            raise ValueError("its pickle takes what is not there")
        del self._stack[-count:]
        return found

    def _marked(self) -> list[Any]:
        """What was put on the stack since the last mark."""
        found: list[Any] = []
        while (each := self._stack.pop()) is not _MARK:
            found.append(each)
        return found[::-1]

    def _extend(self, values: Any) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(values)

    def _update(self, values: Any) -> None:
        into = self._stack[-1].items if isinstance(self._stack[-1], Inert) else self._stack[-1]
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):  # whose hash is as quick as it is short
                raise ValueError("a dictionary has a key that is neither text nor number")
            into[key] = value

    def _call(self) -> None:
        function, arguments = self._pop(2)
        name = function.name if isinstance(function, Inert) else ""
        if name == "collections.OrderedDict":
            self._stack.append({})
        elif name == "torch._utils._rebuild_tensor_v2":
            self._stack.append(self._storages.tensor(*arguments[:4]))
        elif name == "torch._utils._rebuild_parameter":
            self._stack.append(arguments[0])
        else:
            self._stack.append(Inert(name, tuple(arguments)))

    def _build(self) -> None:
        (state,) = self._pop(1)
        if isinstance(self._stack[-1], Inert):
            self._stack[-1].state = state

    def _storage(self, called: Any) -> np.ndarray:
        what, kind, key, _, count = called
        if what != "storage" or not isinstance(kind, Inert):
            raise ValueError("a tensor names no storage")
        return self._storages.read(kind.name.rpartition(".")[2], str(key), int(count))


def _view(storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """The part of a storage that a tensor is. Raises ValueError where it reaches beyond the storage."""
    if not isinstance(storage, np.ndarray) or len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise ValueError("a tensor has no storage or shape")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    count = int(np.prod(shape, dtype=object))
    if (count and last >= storage.size) or count > storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, [each * storage.itemsize for each in strides])
