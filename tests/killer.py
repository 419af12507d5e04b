"""Runs seqtutor commands in forked processes and kills them: a helper process of test_resume.py.

Reads lines of JSON {"args": [...], "seconds": s or null} and answers each with [status, seconds] as JSON: the process's
exit code, or -9 where it was killed after s seconds, and how long it ran. TensorFlow is imported once, here; a fork
before it has started any thread of its own is as good as a new process and takes no five seconds.
"""

import json
import os
import signal
import sys
import time

import tensorflow  # noqa: F401

from seqtutor.cli.main import run


def wait(child, seconds):
    begin = time.monotonic()
    deadline = None if seconds is None else begin + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - begin
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            deadline = None
        time.sleep(0.005)


for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        os._exit(run(order["args"]))
    print(json.dumps(wait(child, order["seconds"])), flush=True)
