"""The music-theory reward: a weighted sum of the nine rules and of forms, each token's transformed if wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from seqtutor.domains.lookahead import Lookahead
from seqtutor.domains.music.form import NAME as FORM
from seqtutor.domains.music.form import check_form, form
from seqtutor.domains.music.meter import COMMON_TIME, Meter
from seqtutor.domains.music.prefix_reward import MelodyPrefix
from seqtutor.domains.music.rules import RULES, rules_in
from seqtutor.domains.music.scale import C_MAJOR, Scale
from seqtutor.domains.reward_terms import Term, shares, weighted_sum
from seqtutor.domains.rewards import PrefixReward, Reward, Rewards
from seqtutor.errors import UserError, unknown_name

MUSIC_THEORY = "music-theory"  # all nine rules, each with weight 1
REWARD_NAMES = (MUSIC_THEORY, *RULES, f"{FORM}(LETTERS)")

_BLOCK = 1 << 17  # tokens worked on at once; a rule's arrays then take a few MB


class MusicTheory(Reward):
    """The weighted sum of melody rules. A row shorter than T is scored as a composition of its own length."""

    def __init__(self, terms: Sequence[Term], scale: Scale = C_MAJOR, meter: Meter = COMMON_TIME):
        """Args: terms of rules, of forms or of "music-theory"; their weights add up.

        Raises UserError for any other name, for letters that are no form, and if "music-theory" has a transform.
        """
        for term in terms:
            if term.kind not in (MUSIC_THEORY, *RULES, FORM):
                raise unknown_name("reward", term.kind, REWARD_NAMES)
            if term.kind == FORM:
                check_form(term.argument)
            if term.kind == MUSIC_THEORY and term.transform is not None:
                raise UserError(
                    f"reward '{term.kind}' is a sum: transform its rules, as in leaps@{term.transform.name}"
                )
        plain = {term.kind: term.weight for term in terms if term.transform is None and term.kind != FORM}
        every = plain.get(MUSIC_THEORY, 0.0)
        sums = [Term(name, weight=every + plain.get(name, 0.0)) for name in RULES]
        others = [term for term in terms if term.transform is not None or term.kind == FORM]
        self.terms = [term for term in (*sums, *others) if term.weight != 0]
        names = dict.fromkeys(term.component for term in self.terms)
        forms = {term.component: partial(form, letters=term.argument) for term in self.terms if term.kind == FORM}
        self.names = (*(name for name in RULES if name in names), *forms)
        self._rules, self._scale, self._meter = rules_in(scale, meter) | forms, scale, meter

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens int32 [N, T] with lengths int32 [N], float32; 0 after a row's length."""
        components = {name: np.zeros(tokens.shape, np.float32) for name in self.names}
        for rows, block in blocks_by_length(tokens, lengths):
            for name, component in components.items():
                component[rows, : block.shape[1]] = self._rules[name](block)
        counts = np.arange(tokens.shape[1]) < lengths[:, None]
        return Rewards(weighted_sum(self.terms, components, counts), components)

    def shares(self, tokens: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """What each rule adds to the total of each token, float32 [N, T] by name."""
        counts = np.arange(tokens.shape[1]) < lengths[:, None]
        return shares(self.terms, self(tokens, lengths).components, counts)

    def prefix(self, n: int, length: int) -> PrefixReward:
        """The rules on melodies that grow; all of them will have `length` tokens, which two of the rules must know."""
        return MelodyPrefix(self.terms, n, length, self._scale, self._meter)

    def lookahead(self, length: int, c: float) -> Lookahead:
        """What the rules know of melodies that will have `length` tokens."""
        from seqtutor.domains.music.lookahead import MelodyLookahead

        return MelodyLookahead(self.terms, length, c, self._scale, self._meter)


def blocks_by_length(tokens: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cuts a batch into blocks of rows of one length: (row numbers [n], tokens [n, length]). Empty rows drop out."""
    for length in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == length)
        size = max(1, _BLOCK // int(length))
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            yield block, tokens[block, :length]
