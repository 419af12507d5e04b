"""What the Python API does to the process that it is part of: on import, in a thread, twice, and on Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import seqtutor as st
from tests.api.test_training import assert_same_arrays, newest
from tests.support.python_api import SMALL, TUNE, count_a
from tests.tuning.test_resume import assert_same_run, history

IMPORTED = """
import json, logging, sys, time
began = time.process_time()
import seqtutor
seconds = time.process_time() - began
from seqtutor import tune, Run, VARIANT_NAMES, UserError, Config
heavy = sorted({"tensorflow", "keras", "rdkit", "pandas", "matplotlib", "ray"} & set(sys.modules))
handlers = [logging.getLogger(name).handlers for name in ("", "seqtutor")]
print(json.dumps([seconds, heavy, str(handlers), sorted(set(seqtutor.__all__) - set(dir(seqtutor)))]))
"""

INTERRUPTED = """
import sys
import seqtutor
from tests.support.python_api import TUNE, count_a

def slowly(tokens, texts):
    if len(texts) == 16:
        print("scored", flush=True)
        sys.stdin.readline()
    return count_a(tokens, texts)

slowly.__name__ = "count_a"
try:
    seqtutor.tune(sys.argv[1], reward=slowly, out=sys.argv[2], settings=TUNE, quiet=True)
except KeyboardInterrupt as error:
    print(f"interrupted: {error}", flush=True)
    sys.exit(7)
"""


def test_import_is_light_and_leaves_logging_alone():
    found = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    seconds, heavy, handlers, missing = json.loads(found.stdout)
    assert (heavy, handlers, missing) == ([], "[[], []]", [])
    assert seconds < 0.2
    assert found.stderr == ""


def test_names_that_there_are_not():
    with pytest.raises(AttributeError, match="has no attribute 'tuna'"):
        st.tuna  # noqa: B018
    assert all(getattr(st, name) is not None for name in st.__all__)


@pytest.mark.slow
def test_a_whole_experiment_in_a_thread(prior, tuned, tmp_path):
    """And twice in one process: the bits are those of the first, which ran in the main thread."""
    made, failed = [], []

    def work():
        try:
            run = st.pretrain("chain", out=tmp_path / "prior", settings=SMALL, quiet=True)
            made.extend([run, st.tune(run, reward=count_a, settings=TUNE, quiet=True)])
            made.append(st.evaluate(made, num=16, quiet=True))
            made.append(made[1].sample(3, quiet=True))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failed
    for ours, theirs in ((made[0], prior), (made[1], tuned)):
        assert_same_arrays(newest(ours), newest(theirs))
        assert history(ours.path).equals(history(theirs.path))
    assert list(made[3]) == list(tuned.sample(3, quiet=True))


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_the_rest_is_as_if_nothing_had_been(prior, tuned, tmp_path):
    """A script that calls `tune` gets SIGINT in its third round, finishes it, saves, and raises KeyboardInterrupt."""
    out = tmp_path / "psi"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(prior.path), str(out)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=os.getcwd(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for number in range(6):
        assert process.stdout.readline() == "scored\n"
        if number == 2:
            process.send_signal(signal.SIGINT)
            process.stdin.write("\n" * 9)
            process.stdin.flush()
            break
        process.stdin.write("\n")
        process.stdin.flush()
    said, errors = process.communicate(timeout=60)
    assert said.splitlines()[-1].startswith("interrupted: --resume continues after round "), errors
    assert process.returncode == 7
    stopped = st.load_run(out).step
    assert 2 <= stopped < 6
    resumed = st.tune(prior, reward=count_a, out=out, settings=TUNE, resume=True, quiet=True)
    assert_same_run(tuned.path, resumed.path)
