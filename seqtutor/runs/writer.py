"""One writer of a run at a time.

The lock is the kernel's, on the file `.writer` in the run's folder: it ends with the process, however that ends. Beside
it `.writer.json` says who has it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from seqtutor.errors import UserError
from seqtutor.system import temporary
from seqtutor.system.files import write_text, writing
from seqtutor.system.input_files import read_text
from seqtutor.system.progress import LOG

_LOCK, _WHO = ".writer", ".writer.json"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems without locks say


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Within it this process alone writes the run in a folder, which is made if need be.

    A warning says so where the file system has no locks. Raises UserError if another process writes the run, or if the
    folder cannot be written to.
    """
    lock = FileLock(folder / _LOCK, timeout=0)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(lock, folder)
        about = {"host": temporary.host(), "process": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        write_text(folder / _WHO, json.dumps(about) + "\n")
    try:
        yield
    finally:
        for name in (_WHO, _LOCK):  # while the lock is held: whoever opened the file before sees that it has no name
            with contextlib.suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        lock.release()
        with contextlib.suppress(OSError):
            for path in made:  # where nothing was written after all
                path.rmdir()


def _acquire(lock: FileLock, folder: Path) -> None:
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"{folder} is being written by {_who(folder)}; wait for it, or end it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        LOG.warning(f"{folder} is on a file system without locks: start no second process that writes this run")


def writer_of(folder: Path) -> str | None:
    """Who writes the run in a folder at this moment, as far as can be seen; None for nobody."""
    try:
        about = json.loads(read_text(folder / _WHO, 1 << 20))
        if about["host"] == temporary.host() and not temporary.is_alive(int(about["process"])):
            return None
    except (OSError, UserError, ValueError, KeyError, TypeError):
        return None
    return _who(folder)


def _who(folder: Path) -> str:
    try:
        about = json.loads(read_text(folder / _WHO, 1 << 20))
        return f"process {about['process']} on {about['host']} since {about['since']}"
    except (OSError, UserError, ValueError, KeyError, TypeError):  # it has only just begun
        return "another process"
