"""The reward of whole molecules: a weighted sum of properties, each mapped to [0, 1], on the last token.

A valid molecule gets sum_k w_k f_k, where f_k in [0, 1] is (SCORES):

| name | f |
|---|---|
| `valid` | 1 |
| `qed` | QED as it is |
| `logp` | 1 from 1 to 3, falling in straight lines to 0 at -1 and at 5 |
| `sa` | (10 - SA) / 9 |
| `ring_penalty` | 1 / (1 + atoms above 6 in the largest ring) |
| `penalised_logp` | 1 / (1 + exp(-x / 2)) |

logP: Lipinski's rule of five ends at 5 (1997), and 1 to 3 is where Waring (2010) finds good drugs. The
logistic keeps rewarding a better penalised logP, for which no best value is known.

An invalid molecule gets -sum_k |w_k|, so that it is worse than any valid one whatever the weights. A sequence
cut at the length limit, before its end token, is not a molecule and counts as invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from seqtutor.domains.base import Reward, Rewards
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import Molecule, columns
from seqtutor.domains.molecules.published import published_reward
from seqtutor.errors import unknown_name

SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "valid": np.ones_like,
    "qed": lambda x: x,
    "logp": lambda x: np.interp(x, [-1.0, 1.0, 3.0, 5.0], [0.0, 1.0, 1.0, 0.0]),
    "sa": lambda x: (10.0 - x) / 9.0,
    "ring_penalty": lambda x: 1.0 / (1.0 - x),
    "penalised_logp": lambda x: 0.5 + 0.5 * np.tanh(x / 4.0),  # the logistic of x / 2, without overflow
}

# The reward `molecule`: 0 to 10 for a valid molecule (MOSES has a mean near 8.5), -10 for an invalid one. QED weighs
# half, for it is what the others serve; the weights sum to 10 so that with c = 1 reward and KL are of one size.
MOLECULE = {"qed": 5.0, "sa": 2.0, "logp": 2.0, "ring_penalty": 1.0}

REWARD_NAMES = ("molecule", "published", *SCORES)

Decode = Callable[[Sequence[int]], str]


def molecules_of(tokens: np.ndarray, lengths: np.ndarray, decode: Decode, end: int, pool: Pool) -> list[Molecule]:
    """Examines sequences: tokens int32 [N, T], lengths int32 [N]. One without its end token is not valid."""
    rows = [row[:length] for row, length in zip(tokens, lengths, strict=True)]
    ended = [row.size > 0 and row[-1] == end for row in rows]
    found = iter(pool.map(decode(row) for row, whole in zip(rows, ended, strict=True) if whole))
    return [next(found) if whole else Molecule(False, reason="cut at the length limit") for whole in ended]


class MoleculeReward(Reward):
    """Weighted sum of rewards: components as in SCORES, and the presets `molecule` and `published`.

    The components it reports are the properties as they are, not mapped: `valid` 0 or 1, `logp` in log units,
    `sa` 1 to 10, `qed` 0 to 1, `ring_penalty` 0 or below; all 0 for an invalid molecule. They stand on the last
    token, with 0 on every other. `published`, where it has a weight, is reported token by token.
    """

    def __init__(self, weights: Mapping[str, float], decode: Decode, end: int, pool: Pool):
        """Args: weights by name in REWARD_NAMES; decode, the text of token ids; end, id of the end token; pool.

        Raises UserError for a name not in REWARD_NAMES.
        """
        for name in weights:
            if name not in REWARD_NAMES:
                raise unknown_name("reward", name, REWARD_NAMES)
        molecule = weights.get("molecule", 0.0)
        self._weights = {name: weights.get(name, 0.0) + molecule * MOLECULE.get(name, 0.0) for name in SCORES}
        self._published = weights.get("published", 0.0)
        self._decode, self._end, self._pool = decode, end, pool
        self.names = (*SCORES, "published") if self._published else tuple(SCORES)

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N], float32 [N, T]."""
        molecules = molecules_of(tokens, lengths, self._decode, self._end, self._pool)
        valid = np.array([molecule.valid for molecule in molecules], bool)
        raw = {"valid": valid.astype(np.float64), **columns(molecules)}
        score = sum(weight * SCORES[name](raw[name]) for name, weight in self._weights.items())
        worst = -sum(abs(weight) for weight in self._weights.values())

        def on_last(values: np.ndarray) -> np.ndarray:
            placed = np.zeros(tokens.shape)
            placed[np.arange(len(tokens)), lengths - 1] = values
            return placed

        total = on_last(np.where(valid, score, worst))
        components = {name: on_last(np.where(valid, raw[name], 0.0)) for name in SCORES}
        if self._published:
            components["published"] = published_reward(tokens, lengths, molecules, self._decode, self._pool)
            total += self._published * components["published"]
        return Rewards(total.astype(np.float32), {name: x.astype(np.float32) for name, x in components.items()})

    def close(self) -> None:
        """Ends the pool's worker processes; they start again when next needed."""
        self._pool.close()
