"""From the reward that a user names, or hands over, to a Reward.

It is a built-in name (`music-theory`), a weighted sum of built-ins (`qed:2,sa:1`) whose terms may be transformed
(`logp@clip/0/5:2`, see `reward_terms`), `path/to/file.py:function`, `command:WORDS` (see `reward_command`), `rest:URL`
(see `reward_rest`), a file of choices `ratings.csv` (see `choices`), or in Python a function itself. Files of Python
and commands are executed, and addresses are sent sequences, so such a spec must come from the command line or the
user's config. One that was found in a run folder or a checkpoint goes through `built_in` first.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqtutor.domains.base import Domain
from seqtutor.domains.choices import fit_choices
from seqtutor.domains.reward_command import SECONDS, CommandFunction
from seqtutor.domains.reward_function import FunctionReward, function_of
from seqtutor.domains.reward_once import OnceReward
from seqtutor.domains.reward_rest import RestFunction
from seqtutor.domains.reward_terms import parse
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError
from seqtutor.system.input_files import open_input
from seqtutor.system.progress import LOG

RewardLike = str | Callable[..., Any]

_FILE = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)")
_COMMAND = re.compile(r"command(?:/(?P<seconds>[^:]*))?:(?P<words>.+)", re.DOTALL)
_RATINGS = re.compile(r".+\.csv", re.IGNORECASE | re.DOTALL)
_REST = re.compile(r"rest(?:/(?P<seconds>[^:]*))?:(?P<url>.+)", re.DOTALL)
PYTHON = "python:"  # begins what a config says of a function that was handed over


def built_in(spec: str) -> bool:
    """Whether a spec names no file, no command, no address to ask, and no function that was handed over."""
    of_a_file = any(form.fullmatch(spec) for form in (_FILE, _COMMAND, _REST, _RATINGS))
    return not of_a_file and not handed_over(spec)


def of_ratings(spec: str) -> bool:
    """Whether a spec names a file of choices, which is read and not executed."""
    return _RATINGS.fullmatch(spec) is not None and not any(form.fullmatch(spec) for form in (_COMMAND, _REST))


def file_of(spec: str) -> Path | None:
    """The file that a spec names; None where it names none."""
    if of_ratings(spec):
        return Path(os.path.expanduser(spec))
    match = None if _COMMAND.fullmatch(spec) or _REST.fullmatch(spec) else _FILE.fullmatch(spec)
    return None if match is None else Path(os.path.expanduser(match["path"]))


def sha256_of(spec: str) -> str | None:
    """The sha256 of the file that a spec names; None where it names none. Raises UserError if it cannot be read."""
    path = file_of(spec)
    if path is None:
        return None
    try:
        with open_input(path) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the reward file {path}: {error.strerror}") from None


def handed_over(spec: str) -> bool:
    """Whether a spec is the name of a function that was handed over in Python."""
    return spec.startswith(PYTHON)


def written(reward: RewardLike) -> str:
    """What a config says of a reward: its spec, or the name of a function."""
    return reward if isinstance(reward, str) else f"{PYTHON}{getattr(reward, '__name__', type(reward).__name__)}"


def make_reward(
    domain: Domain, reward: RewardLike, batch: int = 1024, warn: Callable[[str], object] = LOG.warning
) -> Reward:
    """The Reward that is meant; an empty spec means the domain's default. May execute a user's file (see above).

    Args:
      batch: the sequences that will be scored at a time; decides whether a user's function is called slow.
      warn: is told where choices are not surely predicted.
    Raises UserError for unknown names, a file that does not load, and a function that fails a trial batch.
    """
    if isinstance(reward, str) and (command := _COMMAND.fullmatch(reward)):
        made = FunctionReward(
            domain, CommandFunction(command["words"], _seconds(command["seconds"], reward)), "command"
        )
    elif isinstance(reward, str) and (rest := _REST.fullmatch(reward)):
        made = FunctionReward(domain, RestFunction(rest["url"], _seconds(rest["seconds"], reward)), "rest")
    elif isinstance(reward, str) and of_ratings(reward):
        return _learned(domain, Path(os.path.expanduser(reward)), warn)
    elif isinstance(reward, str):
        match = _FILE.fullmatch(reward)
        if match is None:
            if handed_over(reward):
                raise UserError(f"reward '{reward}' was a function in Python; hand it over again, as reward=...")
            return domain.reward(parse(reward or domain.default_reward, domain.reward_names))
        path = Path(os.path.expanduser(match["path"]))
        made = FunctionReward(domain, function_of(path, match["function"]), match["function"], path)
    else:
        made = FunctionReward(domain, reward, written(reward).removeprefix(PYTHON))
    try:
        made.try_out(batch)
    except BaseException:
        made.close()
        raise
    return OnceReward(domain, made) if made.valid_only else made


def _learned(domain: Domain, path: Path, warn: Callable[[str], object]) -> Reward:
    """The reward learned from a file of choices; a warning says where they are not surely predicted."""
    found = fit_choices(domain, path)
    if not found.tells:
        warn(
            f"{path}: {found.num} choices, of which {found.accuracy.value:.0%} are predicted by the others, not "
            "surely more than by chance: rate more"
        )
    return domain.ratings().reward(found.weights)


def _seconds(text: str | None, spec: str) -> float:
    """The time limit that a command or an address is given, as in command/60:WORDS."""
    try:
        seconds = SECONDS if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise UserError(f"reward '{spec}': the time for an answer is '{text}'; give seconds, as in command/60:./score")
    return seconds
