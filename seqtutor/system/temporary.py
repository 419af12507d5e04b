"""Names of what is being written, which say whose it is: what a killed process left, the next one removes.

Such a name is `.NAME.HOST-PID`. A process of this machine can be seen to be dead; of another machine it cannot, so what
belongs to that stays.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path


def host() -> str:
    """This machine's name."""
    return platform.node() or "localhost"


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # someone else's
        return True
    return True


def beside(path: Path) -> Path:
    """A hidden name beside a path, for what will get that path when it is whole; removes what dead processes left."""
    mine = f".{path.name}.{re.sub('[^A-Za-z0-9]', '', host())[:32]}-"
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            pid = other.name.removeprefix(mine)
            if other.name.startswith(mine) and pid.isdecimal() and not is_alive(int(pid)):
                remove(other)
    return path.with_name(f"{mine}{os.getpid()}")


def remove(path: Path) -> None:
    """Removes a file or a folder with all that is in it, but nothing that a symbolic link leads to, if it can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder with the name of `beside`, removed in the end unless it was renamed. Raises OSError if it cannot be."""
    temporary = beside(path)
    remove(temporary)  # of this process itself, in an earlier life of its number
    temporary.mkdir()
    try:
        yield temporary
    finally:
        remove(temporary)
