"""The reward of the published SMILES tutor (Jaques et al. 2017, section 6), all but its factor 1/c = 0.35.

With S(x) = 3 logP - 2 SA + 5 ring_penalty + 40 QED of the molecule x, and x_t the text before token t:

* token t before the last: 5 + S(x_t) if x_t is a molecule, else 0. As published, a token is paid for the
  prefix it follows, not for the one it completes; so the whole molecule is paid once, at the end.
* last token: 600 + S(x) if it ends a valid molecule x, else 0; and -200 if x has fewer than 19 characters,
  or else -25 if fewer than 27.

Where it differs: the published program takes the largest ring of networkx's `cycle_basis`, which hangs on the
numbering of the atoms; here it is the largest of the smallest set of smallest rings. And a sequence cut at
the length limit, judged there without its last token, is not a molecule here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import Molecule, columns

WEIGHTS = {"logp": 3.0, "sa": -2.0, "ring_penalty": 5.0, "qed": 40.0}
PREFIX_BONUS, END_BONUS = 5.0, 600.0
SHORT, SHORT_PENALTY = 19, -200.0  # characters
SHORTISH, SHORTISH_PENALTY = 27, -25.0  # the published bound, 2 standard deviations below the mean, is 27.08


def property_sum(molecules: Sequence[Molecule]) -> np.ndarray:
    """S of each molecule, float64 [N]; nan where it is not valid."""
    values = columns(molecules)
    return sum((weight * values[name] for name, weight in WEIGHTS.items()), np.zeros(len(molecules)))


def published_reward(
    tokens: np.ndarray,
    lengths: np.ndarray,
    whole: Sequence[Molecule],
    decode: Callable[[Sequence[int] | np.ndarray], str],
    pool: Pool,
) -> np.ndarray:
    """The published reward, float64 [N, T].

    Args: tokens int32 [N, T]; lengths int32 [N]; whole, the N sequences as molecules, not valid where cut;
    decode, the text of token ids; pool, to examine the prefixes.
    """
    reward = np.zeros(tokens.shape)
    at = [(row, t) for row, length in enumerate(lengths) for t in range(1, length - 1)]
    prefixes = pool.map(decode(tokens[row, :t]) for row, t in at)
    for place, molecule, value in zip(at, prefixes, property_sum(prefixes), strict=True):
        if molecule.valid:
            reward[place] = PREFIX_BONUS + value
    for row, (length, molecule, value) in enumerate(zip(lengths, whole, property_sum(whole), strict=True)):
        characters = len(decode(tokens[row, :length]))
        ending = END_BONUS + value if molecule.valid else 0.0
        if characters < SHORT:
            ending += SHORT_PENALTY
        elif characters < SHORTISH:
            ending += SHORTISH_PENALTY
        reward[row, length - 1] = ending
    return reward
