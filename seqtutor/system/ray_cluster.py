"""Ray: the connection to a cluster, which sweeps and molecules share. Ray is the extra `seqtutor[ray]`."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from types import ModuleType

from seqtutor.errors import UserError
from seqtutor.system import interrupt

_WORKERS = "SEQTUTOR_WORKERS"  # where rewards that take worker processes have them: empty for here, or "ray"


def asked_for() -> bool:
    """Whether worker processes are to be the cluster's. Raises UserError for an unknown place."""
    place = os.environ.get(_WORKERS, "")
    if place not in ("", "ray"):
        raise UserError(f"{_WORKERS} is '{place}'; set it to ray, or unset it to score on this machine")
    return place == "ray"


def work_here() -> None:
    """Makes `asked_for` false in this process: a task that waited for other tasks would keep a core from them."""
    os.environ.pop(_WORKERS, None)


def connect() -> ModuleType:
    """Ray, connected to the cluster at RAY_ADDRESS, or to one found or started on this machine, if it is not yet.

    Raises UserError if Ray is not installed, or there is no cluster at RAY_ADDRESS or one that refuses this process.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    try:
        import ray
    except ImportError:
        raise UserError('Ray is not installed; install it with: pip install "seqtutor[ray]"') from None
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        if not ray.is_initialized():
            _probe(address)
            with _elsewhere(), interrupt.kept():
                ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except (OSError, OverflowError):
        raise UserError(
            f"no Ray cluster at RAY_ADDRESS={address}, or it asks for a token; start one with `ray start`, give its "
            "token (see docs/devices.md), or unset RAY_ADDRESS"
        ) from None
    return ray


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Within it, the current folder is that of this module: Ray's processes import from the one it is connected in."""
    here = os.getcwd()
    os.chdir(os.path.dirname(__file__))
    try:
        yield
    finally:
        os.chdir(here)


def _probe(address: str) -> None:
    """Raises OSError, or OverflowError, where nothing listens at HOST:PORT, which Ray would try for two minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
