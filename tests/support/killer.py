"""Runs seqtutor commands in forked processes and kills them: a helper process of test_resume.py, and of
test_faults.py and test_ctrl_c.py, whose fixture `process` is in conftest.py.

Reads lines of JSON and answers each with [status, seconds] as JSON: the process's exit code, or minus the signal that
ended it, and how long it ran. An order has "args", "seconds" after which the process is killed (null: never), and, if
wanted, "signal" to use instead of SIGKILL, sent to all its group as a terminal does; "stderr", a file for what it says;
"largest", bytes that no file it writes may exceed. TensorFlow is imported once, here; a fork before it has started any
thread of its own is as good as a new process and takes no five seconds.
"""

import json
import os
import resource
import signal
import sys
import time


def work(order):
    """The life of the forked process."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits "ignored"
    if "stderr" in order:
        os.dup2(os.open(order["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if "largest" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], order["largest"]))
    os.dup2(2, 1)
    os._exit(run(order["args"]))


def wait(child, seconds, number):
    begin = time.monotonic()
    deadline = None if seconds is None else begin + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - begin
        if deadline is not None and time.monotonic() > deadline:
            os.killpg(child, number)
            deadline = None
        time.sleep(0.005)


if __name__ == "__main__":  # worker processes of a command import this module again
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # as runtime.setup has it, which comes too late here
    import tensorflow  # noqa: F401

    from seqtutor.cli.main import run

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            work(order)
        os.setpgid(child, child)
        print(json.dumps(wait(child, order["seconds"], order.get("signal", signal.SIGKILL))), flush=True)
