"""A user's function called once for each different molecule, and never for what is none."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.reward_function import FunctionReward
from seqtutor.domains.rewards import Reward, Rewards
from seqtutor.errors import UserError
from seqtutor.system.progress import LOG


class OnceReward(Reward):
    """The reward of a function that is dear to call: what it gave is kept by what a sequence stands for.

    That is its identity (see `Domain.identities`): two spellings of one molecule are scored once, the one drawn first.
    A function that returns a number for each token is called once for each different text instead, as its numbers
    belong to the tokens. A sequence without an identity, such as an invalid SMILES, is not handed over: it earns
    `function.invalid` on its last token, 0 where the function does not say.
    """

    costs = True

    def __init__(self, domain: Domain, inner: FunctionReward):
        """Args: inner: was tried out, so that it is known whether it rewards tokens or whole sequences."""
        self._domain, self._inner = domain, inner
        self.names, self.on_last_token = inner.names, inner.on_last_token
        self._known: dict[str, np.ndarray] = {}  # float32 [1], or [t] where tokens are rewarded
        self._invalid, self._warned = inner.invalid, inner.says_invalid

    def __call__(self, tokens: np.ndarray, lengths: np.ndarray) -> Rewards:
        """Rewards of tokens [N, T] with lengths [N]. Raises UserError as `FunctionReward` does."""
        keys = self._keys(tokens, lengths)
        new: dict[str, int] = {}
        for i, key in enumerate(keys):
            if key is not None and key not in self._known:
                new.setdefault(key, i)
        if new:
            self._score(new, tokens, lengths)
        total = np.zeros(tokens.shape, np.float32)
        for row, length, key in zip(total, lengths, keys, strict=True):
            if key is None:
                row[length - 1] = self._invalid
            elif self.on_last_token:
                row[length - 1] = self._known[key][0]
            else:
                row[:length] = self._known[key]
        return Rewards(total, {self.names[0]: total})

    def _keys(self, tokens: np.ndarray, lengths: np.ndarray) -> list[str | None]:
        identities = self._domain.identities(tokens, lengths)
        if self.on_last_token:
            return identities
        texts = (self._domain.decode(row[:length]) for row, length in zip(tokens, lengths, strict=True))
        return [identity and text for identity, text in zip(identities, texts, strict=True)]

    def _score(self, new: Mapping[str, int], tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Calls the function on the rows of what is new and keeps what it gives."""
        at = list(new.values())
        total = self._inner(tokens[at], lengths[at]).total
        if self._inner.on_last_token != self.on_last_token:
            raise UserError(f"{self.names[0]} returned a number a sequence once and a number a token at another time")
        for key, row, length in zip(new, total, lengths[at], strict=True):
            self._known[key] = row[length - 1 : length].copy() if self.on_last_token else row[:length].copy()
        if not self._warned and (least := total.sum(axis=1).min()) < self._invalid:
            self._warned = True
            name = self.names[0]
            LOG.warning(
                f"{name} gave a valid sequence {least:g}, less than the {self._invalid:g} that an invalid one "
                f"earns; say in its file what an invalid one earns, as in {name}.invalid = -10"
            )

    def close(self) -> None:
        """See `FunctionReward.close`."""
        self._inner.close()

    def state(self) -> dict[str, np.ndarray]:
        """What the function gave, in the order in which it was asked: `rewards` is one row after the other."""
        rows = list(self._known.values())
        return {
            "identities": np.array(list(self._known), np.bytes_), "sizes": np.array([len(row) for row in rows], int),
            "rewards": np.concatenate([np.zeros(0, np.float32), *rows]),
        }  # fmt: skip

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`; of a run from before there was one, nothing is known."""
        self._known = {}
        if state:
            names = (name.decode("ascii") for name in state["identities"].tolist())
            rows = np.split(state["rewards"], np.cumsum(state["sizes"]))[:-1]
            self._known = dict(zip(names, rows, strict=True))
