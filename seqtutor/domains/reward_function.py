"""A function in a user's file as a reward."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CoroutineType, ModuleType
from typing import Any

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.reward_command import CommandFunction
from seqtutor.domains.rewards import PrefixReward, Reward, Rewards
from seqtutor.errors import UserError, message_of, shown, unknown_name
from seqtutor.system.interrupt import working
from seqtutor.system.progress import LOG

TRIAL = 8  # random sequences that a user's function is tried on before a run
CUTS = 9  # lengths at which the trial cuts the sequences of a function that says it is causal
SLOW = 10.0  # seconds; scoring a round for longer is worth a word


class FunctionReward(Reward):
    """A user's function(tokens, texts) of a batch as a Reward.

    tokens is int32 [N, T], padded after each sequence's end; texts is the N sequences as text. It returns one number
    a sequence, [N], which counts as the reward of its last token, or one a token, [N, T], of which those after the
    end do not count.

    A function whose reward of a token depends on the tokens up to it alone may say so by `function.causal = True`.
    Then it must return [N, T], and it is also called on sequences that are still growing: tokens [N, t] with t < T.

    Where sequences may be invalid, `function.invalid` is what such a one earns; see `reward_once`.
    """

    costs = True

    def __init__(self, domain: Domain, function: Callable[..., Any], name: str, path: Path | None = None):
        """Args: name: of the component it reports; path: the file that it was defined in, for messages."""
        self._domain, self._function, self._path = domain, function, path
        self._where = f"{path}:{name}" if path else name
        self.names = (name,)

    def try_out(self, batch: int) -> None:
        """Calls the function on some sequences, and says so if `batch` of them would take longer than SLOW.

        They are the domain's examples where it is `judged_once`, else TRIAL random ones.
        Raises UserError for what would stop a run later, and for a function that says it is causal and is not.
        """
        tokens, lengths = examples(self._domain) if self.valid_only else trial(self._domain)
        if not len(tokens):  # no example has only atoms of the training data
            self.on_last_token = True
            return
        if self.causal:
            self._check_causal(tokens, lengths)
        for _ in range(2):  # what looks slow is timed again: the first call may have had to load something
            start = time.perf_counter()
            self(tokens, lengths)
            seconds = time.perf_counter() - start
            if seconds * batch <= SLOW * len(tokens):
                return
        LOG.warning(
            f"{self._where} scores {len(tokens) / seconds:.3g} sequences a second: "
            f"the {batch} of a round take about {seconds * batch / len(tokens):.0f} s"
        )

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens [N, T] with lengths [N]. Raises UserError if the function fails or gives anything else."""
        texts = [self._domain.decode(row[:length]) for row, length in zip(tokens, lengths, strict=True)]
        try:
            with working(f"the reward {self._where}"):
                returned = self._function(tokens.copy(), list(texts))
        except (KeyboardInterrupt, UserError):  # the latter of a command
            raise
        except BaseException as error:
            raise _blame(error, self._path, self.names[0]) from error
        values = self._numbers(returned, tokens.shape)
        self.on_last_token = values.ndim == 1
        total = np.zeros(tokens.shape, np.float32)
        if values.ndim == 1:
            rows = np.flatnonzero(lengths)
            total[rows, lengths[rows] - 1] = values[rows]
        else:
            counts = np.arange(tokens.shape[1]) < lengths[:, None]
            total[counts] = values[counts]
        with np.errstate(over="ignore", invalid="ignore"):
            sums = total.sum(axis=1)  # finite numbers may have an infinite sum
        bad = np.flatnonzero(~np.isfinite(sums))
        if len(bad):
            row = bad[0]
            odd = total[row][~np.isfinite(total[row])]
            what = f"{odd[0]}" if len(odd) else f"numbers whose sum is {sums[row]}"
            raise UserError(f"{self._where} returned {what} for '{texts[row][:80]}'; return finite numbers only")
        return Rewards(total, {self.names[0]: total})

    def prefix(self, n: int, length: int) -> PrefixReward | None:
        """The function on growing sequences, if it says that it is causal."""
        return _FunctionPrefix(self, n, length) if self.causal else None

    def close(self) -> None:
        """Ends the process of a command."""
        if isinstance(self._function, CommandFunction):
            self._function.close()

    @property
    def valid_only(self) -> bool:
        """Whether the function is called for valid sequences alone, and once for each; see `reward_once`."""
        return self._domain.judged_once and not self.causal

    @property
    def says_invalid(self) -> bool:
        """Whether the function says what an invalid sequence earns."""
        return self._says("invalid", None) is not None

    @property
    def invalid(self) -> float:
        """What an invalid sequence earns. Raises UserError if the function says anything but a finite number."""
        said = self._says("invalid", 0.0)
        if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
            raise UserError(f"{self._where}: {self.names[0]}.invalid is {shown(said)}; give a finite number")
        return float(said)

    @property
    def causal(self) -> bool:
        """Whether the function says that a token's reward depends on no later token."""
        return self._says("causal", False) is True

    def _says(self, name: str, default: Any) -> Any:
        """What the function says of itself. Raises UserError if that is code of the user's, which fails."""
        try:
            return getattr(self._function, name, default)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _blame(error, self._path, f"{self.names[0]}.{name}") from error

    def _check_causal(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Raises UserError if tokens are rewarded otherwise where the sequences are cut after them."""
        whole = self(tokens, lengths).total
        for count in np.unique(np.linspace(1, tokens.shape[1], CUTS).astype(int)):
            cut = self(tokens[:, :count], np.minimum(lengths, count)).total
            wrong = np.argwhere(~np.isclose(cut, whole[:, :count], rtol=1e-4, atol=1e-4))
            if len(wrong):
                row, place = wrong[0]
                raise UserError(
                    f"{self._where} says that it is causal, but it gives token {place + 1} of a sequence "
                    f"{cut[row, place]:g} while {count} are there and {whole[row, place]:g} later; "
                    "leave `causal` out, or let no token's reward depend on later ones"
                )

    def _numbers(self, returned: Any, shape: tuple[int, int]) -> np.ndarray:
        """What the function returned as float32 [N] or [N, T]. Raises UserError if it is anything else."""
        wanted = f"return numbers of shape ({shape[0]},), one a sequence, or {shape}, one a token"
        if type(returned) is CoroutineType:
            returned.close()
            raise UserError(f"{self._where} is an async function; give an ordinary one")
        if returned is None:
            raise UserError(f"{self._where} returned nothing; {wanted}")
        try:  # what is returned may be an object with code of its own
            if np.asarray(returned).dtype.kind in "cmM":  # of these numpy would drop a part
                raise TypeError("they are complex, or times")
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as that
                values = np.array(returned, np.float32)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            said = message_of(error)
            raise UserError(f"{self._where} did not return an array of numbers ({said}); {wanted}") from None
        if self.causal and values.shape != shape:
            raise UserError(
                f"{self._where} says that it is causal, so it must return shape {shape}, one number a token"
            )
        if values.shape not in (shape[:1], shape):
            raise UserError(f"{self._where} returned shape {values.shape} for {shape[0]} sequences; {wanted}")
        return values


class _FunctionPrefix(PrefixReward):
    """A causal function called on the whole prefixes at each token; only the last column is new."""

    def __init__(self, reward: FunctionReward, n: int, length: int):
        self._reward, self._count = reward, 0
        self._tokens = np.zeros((n, length), np.int32)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """See `PrefixReward`. Raises UserError as `FunctionReward` does."""
        self._tokens[:, self._count] = tokens
        self._count += 1
        return self._reward(self._tokens[:, : self._count], np.full(len(tokens), self._count)).total[:, -1]

    def select(self, index: np.ndarray) -> None:
        """See `PrefixReward`."""
        self._tokens = self._tokens[index]


def trial(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """TRIAL sequences of random tokens, the same every time: tokens int32 [N, T] and lengths [N].

    Where the domain has an end token, the first is as long as can be without one, and each later one ends sooner.
    """
    vocabulary, length = domain.vocabulary, domain.length
    drawable = np.setdiff1d(np.arange(vocabulary.size), [] if vocabulary.end is None else [vocabulary.end])
    tokens = np.random.default_rng(0).choice(drawable, (TRIAL, length)).astype(np.int32)
    lengths = np.full(TRIAL, length, np.int32)
    if vocabulary.end is not None:
        lengths = np.linspace(length, 1, TRIAL).astype(np.int32)
        tokens[np.arange(length) >= lengths[:, None] - (lengths[:, None] < length)] = vocabulary.end
    return tokens, lengths


def examples(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """The domain's examples that its vocabulary and length can take: tokens int32 [N, T] and lengths [N]."""
    rows = []
    for text in domain.examples:
        with contextlib.suppress(ValueError):  # an atom that the training data had not
            rows.append(domain.encode(text))
    rows = [row for row in rows if len(row) <= domain.length]
    tokens = np.full((len(rows), domain.length), domain.vocabulary.pad, np.int32)
    for place, row in zip(tokens, rows, strict=True):
        place[: len(row)] = row
    return tokens, np.array([len(row) for row in rows], np.int32)


def function_of(path: Path, name: str) -> Callable[..., Any]:
    """Executes a file and finds a function in it. Raises UserError if it is missing, fails, or has no such function."""
    return _find(_execute(path), path, name)


def _execute(path: Path) -> ModuleType:
    if not os.path.isfile(path):
        raise UserError(f"no reward file {path}; give it as path/to/file.py:function")
    spec = importlib.util.spec_from_file_location(f"seqtutor_reward_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # the file's name ends with .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _blame(error, path, "the file") from error
    return module


def _find(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        if not functions:
            raise UserError(f"{path} defines no function; give {name}(tokens, texts)")
        raise unknown_name("function", name, functions, str(path))
    return found


def _blame(error: BaseException, path: Path | None, function: str) -> UserError:
    """One line: the user's file, the last line of it that ran, and the exception."""
    said = f"{function} raised {type(error).__name__}: {message_of(error)}"
    if path is None:
        return UserError(f"reward {said}")
    file = os.path.abspath(path)
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = frames[-1] if frames else getattr(error, "lineno", None)  # a SyntaxError of the file itself has no frame
    place = str(path) if line is None else f"{path}, line {line}"
    return UserError(f"{place}: {said}")
