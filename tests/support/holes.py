"""Files that are large and take no room on the disk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np


class WithHoles(io.FileIO):
    """A file in which blocks of zeros take no room on the disk."""

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Writes bytes, or passes over them where they are zeros."""
        if any(bytes(data[:64])) or any(bytes(data)):
            return super().write(data)
        self.seek(len(data), io.SEEK_CUR)
        return len(data)


def write_arrays(path: Path, megabytes: int, name: str) -> None:
    """An .npz with one array of zeros, int8 [N]."""
    about = {"descr": "|i1", "fortran_order": False, "shape": (megabytes << 20,)}
    with (
        WithHoles(path, "w") as file,
        zipfile.ZipFile(file, "w") as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, about)
        for _ in range(megabytes):
            member.write(bytes(1 << 20))
