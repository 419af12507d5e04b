"""The pool with real processes: order, cache, limits, deaths, and what is left when the parent ends.

This module is itself the workers' examiner: strings name what the worker is to do.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from seqtutor.domains.molecules import properties
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.workers import DIED, TIMED_OUT
from seqtutor.errors import UserError

VALUES = (0.0,) * len(properties.PROPERTIES)


def examine(smiles, measured=True, extra=()):
    """What workers run: an order as the "SMILES"; anything else comes back as it is."""
    order, _, argument = smiles.partition(":")
    if order == "spin":
        while True:
            pass
    if order == "wait":
        time.sleep(1000)
    if order == "exit":
        os._exit(3)
    if order == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "killed-once" and not Path(argument).exists():
        Path(argument).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "pid":
        return properties.Molecule(True, str(os.getpid()), VALUES)
    if order == "log":
        with Path(argument).open("a") as log:
            log.write("x")
    if order == "tensorflow?":
        return properties.Molecule("tensorflow" in sys.modules, "", VALUES)
    return properties.Molecule(True, smiles, VALUES)


@pytest.fixture(scope="module")
def pool():
    with Pool(2, limit=0.2, module=__name__) as pool:
        yield pool


@pytest.fixture(scope="module")
def real():
    with Pool(2) as pool:
        yield pool


def texts(molecules):
    return [molecule.canonical for molecule in molecules]


def running(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def ends(pid: int, within: float = 30.0) -> bool:
    until = time.monotonic() + within
    while running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not running(pid)


def test_the_same_as_in_this_process(real):
    smiles = ["CCO", "C1CC", "c1ccccc1", "", "OCC", "CCO", "C1CCCCCC1", "\ud800", "é"] * 3
    assert str(real.map(smiles)) == str([properties.examine(text) for text in smiles])  # str: nan equals nan
    assert texts(real.canonical(["OCC", "x", "OCC"])) == ["CCO", "", "CCO"]


def test_order_is_kept_over_many_chunks_and_overlapping_calls(pool):
    first, second = [f"a{i}" for i in range(1000)], [f"b{i}" for i in range(1000)]
    one, two = pool.submit(first), pool.submit(second)
    assert texts(two.result()) == second
    assert texts(one.result()) == first and one.done()
    assert texts(one.result()) == first


def test_nothing_in_nothing_out_and_no_process():
    pool = Pool(1)
    assert pool.map([]) == [] and pool.canonical([]) == []
    assert pool._crew is None


def test_workers_are_fresh_processes_without_tensorflow(pool):
    assert pool.map(["tensorflow?"])[0].valid is False
    pids = {int(text) for text in texts(pool.map(f"pid:{i}" for i in range(64)))}
    assert 1 <= len(pids) <= 2 and os.getpid() not in pids


@pytest.mark.parametrize(
    ("order", "reason"), [("spin", TIMED_OUT), ("wait", TIMED_OUT), ("exit", DIED), ("killed", DIED)]
)
def test_only_the_guilty_molecule_is_marked(order, reason):
    before, after = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(40)]
    with Pool(1, limit=0.2, module=__name__) as pool:
        molecules = pool.map([*before, order, *after])
        assert texts(molecules[:40]) == before and texts(molecules[41:]) == after
        assert not molecules[40].valid and molecules[40].reason == reason
        assert pool.failures == {reason: [order]}
        assert pool.map([order])[0].reason == reason  # from the cache: not tried again, not counted again
        assert pool.failures == {reason: [order]}


def test_a_worker_killed_from_outside_costs_nothing(tmp_path):
    with Pool(1, module=__name__) as pool:
        orders = ["a", f"killed-once:{tmp_path / 'mark'}", "b"]
        assert texts(pool.map(orders)) == orders and not pool.failures
        worker = int(texts(pool.map(["pid:1"]))[0])
        os.kill(worker, signal.SIGKILL)
        assert texts(pool.map(["c"])) == ["c"] and not pool.failures
        assert int(texts(pool.map(["pid:2"]))[0]) != worker


def test_cache_asks_each_molecule_once_and_is_bounded(tmp_path):
    log = tmp_path / "log"
    with Pool(1, cache=20, module=__name__) as pool:
        order = f"log:{log}"
        pool.map([order, order])
        pool.map([order])
        assert log.read_text() == "x"
        pool.map(f"a{i}" for i in range(1000))
        assert len(pool._cache._young) + len(pool._cache._old) <= 20
        assert pool.map([order])[0].valid and log.read_text() == "xx"


def test_other_spellings_are_cached_by_the_canonical_one(real):
    real.map(["C(C)CCCCBr"])
    assert real._cache.get("CCCCCCBr") == properties.examine("BrCCCCCC")


def test_close_is_quick_gives_up_work_and_reopens(pool):
    pid = int(texts(pool.map(["pid:9"]))[0])
    with Pool(1, limit=60, module=__name__) as other:
        pending = other.submit(["wait", *map(str, range(100))])
        threading.Timer(0.5, other.close).start()
        start = time.monotonic()
        with pytest.raises(CancelledError):
            pending.result()
        assert time.monotonic() - start < 30
        assert texts(other.map(["again"])) == ["again"]
    pool.close()
    pool.close()
    assert ends(pid)
    assert texts(pool.map(["once more"])) == ["once more"]


def test_workers_that_cannot_start_are_an_error_not_a_verdict():
    expected = r"did not start: 3 times it ended with exit code 1 \(ModuleNotFoundError: No module named 'no_such"
    with Pool(1, module="no_such_module_anywhere") as pool, pytest.raises(UserError, match=expected):
        pool.map(["C"])


SCRIPT = """
import sys
from seqtutor.domains.molecules.pool import Pool
pool = Pool(2, limit=%s, module=%r)
print(*{molecule.canonical for molecule in pool.map(f"pid:{i}" for i in range(200))}, flush=True)
pending = pool.submit(["spin", "wait", *map(str, range(1000))])
%s
"""


def start(last_line: str, limit: float = 1000) -> tuple[subprocess.Popen, list[int]]:
    """A parent without a guarded main, its path set so that workers find this module; the pids of its workers."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", SCRIPT % (limit, __name__, last_line)]
    parent = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    )
    return parent, [int(pid) for pid in parent.stdout.readline().split()]


def test_an_interrupted_parent_ends_at_once_with_its_workers():
    parent, workers = start("pending.result()")
    time.sleep(1.5)  # until it waits for the result
    parent.send_signal(signal.SIGINT)
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode != 0 and errors.count("KeyboardInterrupt") == 1  # the parent's, no worker's
    assert workers and all(ends(worker) for worker in workers)


def test_a_parent_that_forgets_to_close_still_ends():
    parent, workers = start("sys.exit(5)")
    parent.communicate(timeout=60)
    assert parent.returncode == 5
    assert workers and all(ends(worker) for worker in workers)


def test_workers_end_by_themselves_when_the_parent_is_killed():
    """An idle one when its input closes, one in the midst of a molecule when the molecule's time is up."""
    parent, workers = start("pending.result()", limit=0.4)
    parent.kill()
    parent.communicate(timeout=60)
    assert workers and all(ends(worker) for worker in workers)
