"""What a user writes for a reward, and the Reward it means.

A spec is a built-in name (`music-theory`), a weighted sum of built-ins (`qed:2,sa:1`), or `path/to/file.py:function`.
The file of the last kind is executed, so such a spec must come from the command line or the user's config; one that
was found in a run folder or a checkpoint goes through `built_in` first.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from seqtutor.domains.base import Domain, Reward, Rewards
from seqtutor.errors import UserError, unknown_name

_FILE = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)")


def parse(spec: str, names: Iterable[str]) -> dict[str, float]:
    """The weights of a built-in name or a weighted sum. Raises UserError for unknown names and bad weights."""
    known, weights = tuple(names), {}
    for part in spec.split(","):
        name, colon, number = (piece.strip() for piece in part.partition(":"))
        if name not in known:
            raise unknown_name("reward", name, known)
        if name in weights:
            raise UserError(f"reward '{spec}': {name} stands there twice; give it one weight")
        try:
            weights[name] = float(number) if colon else 1.0
        except ValueError:
            weights[name] = math.nan
        if not math.isfinite(weights[name]):
            raise UserError(f"reward '{spec}': the weight of {name} is '{number}'; give a number, as in {name}:2")
    return weights


def built_in(spec: str) -> bool:
    """Whether a spec names no file to execute."""
    return _FILE.fullmatch(spec) is None


def make_reward(domain: Domain, spec: str) -> Reward:
    """The reward a spec means; an empty one means the domain's default. May execute a user's file (see above).

    Raises UserError for unknown names, a file that does not load, and a function that fails a trial batch.
    """
    match = _FILE.fullmatch(spec)
    if match is None:
        return domain.reward(parse(spec or domain.default_reward, domain.reward_names))
    reward = FunctionReward(domain, Path(match["path"]).expanduser(), match["function"])
    reward.try_out()
    return reward


class FunctionReward(Reward):
    """A user's function(tokens, texts) of a batch as a Reward.

    tokens is int32 [N, T], padded behind each sequence's end; texts is the N sequences as text. It returns one number
    a sequence, [N], which counts as the reward of its last token, or one a token, [N, T], of which those behind the
    end do not count.
    """

    def __init__(self, domain: Domain, path: Path, function: str):
        """Executes the file. Raises UserError if it is missing, fails, or has no such function."""
        self._domain, self._path, self._where = domain, path, f"{path}:{function}"
        self._function = _find(_execute(path), path, function)
        self.names = (function,)

    def try_out(self) -> None:
        """Calls the function on three random sequences. Raises UserError for what would stop a run later."""
        vocabulary = self._domain.vocabulary
        drawable = np.setdiff1d(np.arange(vocabulary.size), [] if vocabulary.end is None else [vocabulary.end])
        tokens = np.random.default_rng(0).choice(drawable, (3, self._domain.length)).astype(np.int32)
        self(tokens, np.full(3, tokens.shape[1], np.int32))

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens [N, T] with lengths [N]. Raises UserError if the function fails or gives anything else."""
        texts = [self._domain.decode(row[:length]) for row, length in zip(tokens, lengths, strict=True)]
        try:
            values = np.asarray(self._function(tokens.copy(), texts), np.float32)
        except Exception as error:
            raise _blame(error, self._path, self.names[0]) from error
        total = np.zeros(tokens.shape, np.float32)
        counts = np.arange(tokens.shape[1]) < lengths[:, None]
        if values.shape == (len(tokens),):
            rows = np.flatnonzero(lengths)
            total[rows, lengths[rows] - 1] = values[rows]
        elif values.shape == tokens.shape:
            total[counts] = values[counts]
        else:
            n, t = tokens.shape
            raise UserError(
                f"{self._where} returned shape {values.shape} for {n} sequences of {t} tokens; "
                f"return shape ({n},) or ({n}, {t})"
            )
        bad = np.flatnonzero(~np.isfinite(total).all(axis=1))
        if len(bad):
            text = texts[bad[0]][:80]
            raise UserError(f"{self._where} returned a value that is not finite for '{text}'; return numbers only")
        return Rewards(total, {self.names[0]: total})


def _execute(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"no reward file {path}; give it as path/to/file.py:function")
    spec = importlib.util.spec_from_file_location(f"seqtutor_reward_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _blame(error, path, "the file") from error
    return module


def _find(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        if not functions:
            raise UserError(f"{path} defines no function; give {name}(tokens, texts)")
        raise unknown_name("function", name, functions, str(path))
    return found


def _blame(error: Exception, path: Path, function: str) -> UserError:
    """One line: the user's file, the last line of it that ran, and the exception."""
    file = os.path.abspath(path)
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1] if frames else None
    place = str(path) if line is None else f"{path}, line {line}"
    return UserError(f"{place}: {function} raised {type(error).__name__}: {error}")
