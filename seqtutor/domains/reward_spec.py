"""What a user writes for a reward, and the Reward it means.

A spec is a built-in name (`music-theory`), a weighted sum of built-ins (`qed:2,sa:1`), transformed if wanted
(`logp@clip/0/5:2`, see seqtutor.domains.reward_terms), or `path/to/file.py:function`.
The file of the last kind is executed, so such a spec must come from the command line or the user's config; one that
was found in a run folder or a checkpoint goes through `built_in` first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from seqtutor.domains.base import Domain, Reward
from seqtutor.domains.reward_function import FunctionReward
from seqtutor.domains.reward_terms import parse

_FILE = re.compile(r"(?P<path>.+\.py):(?P<function>\w+)")


def built_in(spec: str) -> bool:
    """Whether a spec names no file to execute."""
    return _FILE.fullmatch(spec) is None


def make_reward(domain: Domain, spec: str, batch: int = 1024) -> Reward:
    """The reward a spec means; an empty one means the domain's default. May execute a user's file (see above).

    Args: batch: the sequences that will be scored at a time; decides whether a user's function is called slow.
    Raises UserError for unknown names, a file that does not load, and a function that fails a trial batch.
    """
    match = _FILE.fullmatch(spec)
    if match is None:
        return domain.reward(parse(spec or domain.default_reward, domain.reward_names))
    reward = FunctionReward(domain, Path(os.path.expanduser(match["path"])), match["function"])
    reward.try_out(batch)
    return reward
