"""Rewards of a user's that do harm: each is blamed in a line, and costs no more than the run since its checkpoint."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

from tests.attack import forks, outcome
from tests.attack.outcome import Attack

ZERO = "return [0.0] * len(texts)"
BODIES = (
    "raise SystemExit(0)", "raise GeneratorExit", "raise KeyError('a\\nb')", "raise MemoryError", "raise StopIteration",
    "raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'r')", "raise OSError(28, 'No space left on device')",
    "raise type('Odd', (BaseException,), {'__str__': lambda self: 1 / 0})()", "raise Exception('\\x1b[2J' * 9)",
    "raise Exception('x' * 10**6)", "return f(tokens, texts)", "return len(texts)", "return texts", "return 0 / 0",
    "return [[]] * len(texts)", "return [10**400] * len(texts)", "return [float('nan')] * len(texts)",
    "return [1j] * len(texts)", "import numpy; numpy.seterr(all='raise'); return [1e38] * len(texts)",
    f"import os; os.chdir('/'); {ZERO}", f"import warnings; warnings.simplefilter('error'); {ZERO}",
    f"print('x' * 10**5); {ZERO}", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ZERO}",
    f"import random, numpy; random.seed(0); numpy.random.seed(0); {ZERO}", f"import os; os.environ.clear(); {ZERO}",
    f"import threading; threading.Thread(target=lambda: 1 / 0).start(); {ZERO}",
    f"import locale; locale.setlocale(locale.LC_ALL, 'C'); {ZERO}", f"import logging; logging.disable(100); {ZERO}",
    f"import gc; gc.disable(); {ZERO}", f"tokens[:] = 99; {ZERO}", "texts[:] = []; return [0.0] * len(tokens)",
    "texts[:] = []; return [float('nan')] * len(tokens)", "a = []; a.append(a); return a",
    "return type('A', (), {'__array__': lambda self, *a, **k: 1 / 0})()",
    "return type('A', (), {'__len__': lambda self: 10**12, '__getitem__': lambda self, i: 0.0})()",
    "return type('A', (), {'__class__': property(lambda self: 1 / 0)})()",
    "return [type('A', (), {'__float__': lambda self: exit()})()] * len(texts)",
    "raise type('A\\nB', (Exception,), {'__repr__': lambda self: 1 / 0})",
)  # fmt: skip
FILES = (
    "def f(tokens, texts:", "import nothing_like_it", "raise SystemExit", "f = 3", "", "\0", "def f(): pass",
    "f = print", "def f(tokens, texts): yield 1", "async def f(tokens, texts): return 1", "f = type",
    "import sys; sys.exit(3)", "# coding: nonsense\nf = 1", "while True: raise KeyError", "f = property()",
    "class f:\n    def __init__(self, *a): pass",
    "class F:\n    def __getattr__(self, name): return 1 / 0\n    def __call__(self, *a): pass\nf = F()",
)  # fmt: skip
WORDS = "words.txt"  # as long as those of the domain chain are by default
LOOP = "sh -c 'while read x; do {}; done'"
PROGRAMS = (
    "true", "false", "cat", "yes", "yes 1", "nothing_like_it", "'", "", "/", "sh -c 'exit 3'", "sh -c 'kill -9 $$'",
    "sh -c 'read x; echo 1'", "sh -c 'exec 0<&-; sleep 0.1; echo 1'", "printf '\\\\377\\\\n'", LOOP.format("echo nan"),
    LOOP.format("echo 1e400"), LOOP.format("echo; echo 1"), LOOP.format("echo 1 2"), LOOP.format("echo 1; echo 2"),
    LOOP.format("head -c 100000 /dev/zero; echo"), "cat /dev/zero", "sh -c 'yes >&2 & read x; kill $!; exit 3'",
)  # fmt: skip


def attack(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """Each in `score` and, for those that may harm a run, in `tune`."""
    path = folder / "mine.py"
    (folder / WORDS).write_text("abcdab\nbadcab\ncabbac\n")
    texts = [f"def f(tokens, texts):\n    {body}\n" for body in BODIES] + list(FILES)
    for text in rng.sample(texts, len(texts)):
        path.write_text(text)
        yield _scored(text, f"{path}:f", folder)
        if ZERO in text:
            args = ["tune", str(runs / "psi.yaml"), "--prior", str(runs / "prior"), "--reward", f"{path}:f"]
            yield _ended(f"tune: {text}", args, folder)
    for program in rng.sample(PROGRAMS, len(PROGRAMS)):
        yield _scored(program, f"command:{program}", folder)


def _scored(what: str, reward: str, folder: Path) -> outcome.Outcome:
    return _ended(f"score: {what}", ["score", str(folder / WORDS), "--domain", "chain", "--reward", reward], folder)


def _ended(what: str, args: list[str], folder: Path) -> outcome.Outcome:
    """Whatever else is printed is the user's own."""
    ended = forks.end(forks.start([*args, "--out", str(folder / "out"), "--quiet"], folder / "said"))[0]
    shutil.rmtree(folder / "out", ignore_errors=True)
    errors = len(re.findall(r"\berror: ", ended.said))  # a thread of the user's may print into its line
    return outcome.of(what, ended, good=(ended.code, errors) in ((0, 0), (2, 1)))
