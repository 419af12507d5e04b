"""What a user waits for before anything happens, in processor time: it does not depend on what else runs."""

import subprocess
import sys

import pytest

from tests.cli.test_cli import HEAVY

REPORT = f"import sys, time; print(sorted(set({HEAVY!r}) & set(sys.modules)), time.process_time(), file=sys.stderr)"


@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        ("import seqtutor", 0.2),
        ("from seqtutor.cli.main import run; run(['--help'])", 0.15),
        ("import seqtutor; seqtutor.Config", 1.0),
    ],
)
def test_seconds_of_a_whole_process(code, seconds):
    """The best of three, Python's own start included."""
    taken = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", f"{code}\n{REPORT}"], capture_output=True, text=True, check=True)
        heavy, time = done.stderr.rsplit(maxsplit=1)
        assert heavy == "[]"
        taken.append(float(time))
    assert min(taken) < seconds
