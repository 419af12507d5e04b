"""Workers: order, limits, and what becomes of those that are killed or stopped from outside."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from seqtutor.errors import UserError
from seqtutor.system.workers import TIMED_OUT, Task, Workers


def work(item, mark):
    """What workers do here: the item says it."""
    if item == "spin":
        while True:
            pass
    if item == "stop-once" and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    if item == "print":
        print("chatter")
    return [item]


def first(mark):
    """A call before the first item, of a worker that dies as often as the file has letters."""
    path = Path(mark)
    if left := path.read_text():
        path.write_text(left[1:])
        os.kill(os.getpid(), signal.SIGKILL)


def start(item, mark):
    """`work`, with a beginning that may die."""
    return first(mark) if item is None else work(item, mark)


def task(function, *arguments):
    return Task(f"{__name__}:{function}", 0.3, lambda values: values[0], lambda item, why: (item, why), arguments)


def test_results_in_order_and_bounded():
    taken = []
    with Workers(2, task("work")) as workers:
        source = (taken.append(i) or i for i in range(200))
        results = workers.map([""], source, 5)
        assert next(results) == 0
        assert len(taken) == 30  # three chunks a worker
        assert [0, *results] == list(range(200))


def test_what_a_worker_prints_is_no_answer():
    with Workers(1, task("work")) as workers:
        assert workers.submit([""], ["a", "print", "b"]).result() == ["a", "print", "b"]


def test_an_item_that_takes_too_long_is_lost_alone():
    with Workers(1, task("work")) as workers:
        assert workers.submit([""], ["a", "spin", "b"]).result() == ["a", ("spin", TIMED_OUT), "b"]


def test_a_worker_that_was_stopped_is_replaced(tmp_path):
    with Workers(1, task("work")) as workers:
        begin = time.monotonic()
        assert workers.submit([str(tmp_path / "mark")], ["a", "stop-once", "b"]).result() == ["a", "stop-once", "b"]
        assert time.monotonic() - begin < 60


def test_workers_that_are_killed_again_and_again_end_the_work():
    with Workers(1, task("work")) as workers:
        process = workers._workers[0]
        ended = threading.Event()

        def kill():
            while not ended.wait(0.05):
                if process._process is not None:
                    process._process.kill()

        assert workers.submit([""], ["a"]).result() == ["a"]
        threading.Thread(target=kill, daemon=True).start()
        time.sleep(0.3)
        with pytest.raises(UserError, match="did not start: 3 times it ended with exit code -9"):
            workers.submit([""], ["a", "b"]).result()
        ended.set()
        assert workers.submit([""], ["c"]).result() == ["c"]


@pytest.mark.parametrize(("deaths", "starts"), [(2, True), (3, False)])
def test_a_worker_killed_at_its_start_is_replaced_twice(tmp_path, deaths, starts):
    mark = tmp_path / "mark"
    mark.write_text("x" * deaths)
    with Workers(1, task("start", None, str(mark))) as workers:
        future = workers.submit([str(mark)], ["a"])
        if starts:
            assert future.result() == ["a"]
        else:
            with pytest.raises(UserError, match="did not start: 3 times it ended with exit code -9"):
                future.result()
