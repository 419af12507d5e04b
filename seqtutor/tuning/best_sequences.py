"""The best distinct sequences a tuning run has met, whatever became of the policy since: best.csv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Rewards
from seqtutor.policy.sampler import Rollout
from seqtutor.system.tables import csv_file

NAME = "best.csv"


class BestSequences:
    """The `size` sequences of highest reward r(tau), each once, with the reward it had when it was first met.

    Of equal rewards the one met first comes first, and is kept.
    """

    def __init__(self, size: int):
        self._size = size
        self._rows: dict[str, np.ndarray] = {}  # arrays of a row a sequence, the best one first; none before the first

    def __len__(self) -> int:
        return len(self._rows["total"]) if self._rows else 0

    def add(self, step: int, drawn: Rollout, scored: Rewards) -> None:
        """Adds the sequences of a round; only those good enough to be kept are looked at one by one."""
        total = scored.total.sum(axis=1)
        at = self._good(total, _keys(drawn.tokens, drawn.lengths))
        if not at:
            return
        summed = {
            "log_prior": drawn.log_prior, "log_prob": drawn.log_prob,
            **{f"component/{name}": values for name, values in scored.components.items()},
        }  # fmt: skip
        new = {
            "step": np.full(len(at), step), "tokens": drawn.tokens[at], "lengths": drawn.lengths[at],
            "total": total[at], **{name: values[at].sum(axis=1) for name, values in summed.items()},
        }  # fmt: skip
        rows = {name: np.concatenate([self._rows.get(name, array[:0]), array]) for name, array in new.items()}
        order = np.argsort(-rows["total"], kind="stable")[: self._size]
        self._rows = {name: array[order] for name, array in rows.items()}

    def _good(self, total: np.ndarray, keys: list[bytes]) -> list[int]:
        """Which of a round's sequences are new and better than the worst kept, best first, `size` at the most."""
        full = len(self) == self._size
        worst = self._rows["total"][-1] if self._rows and full else -np.inf
        known = set(_keys(self._rows["tokens"], self._rows["lengths"])) if self._rows else set()
        at: dict[bytes, int] = {}
        for i in np.argsort(-total, kind="stable"):
            if total[i] <= worst or len(at) == self._size:
                break
            if keys[i] not in known:
                at.setdefault(keys[i], i)
        return list(at.values())

    def write(self, path: Path, domain: Domain) -> None:
        """Writes best.csv: rank, step (the round), text, total, each component, log_prior and log_prob in nats."""
        rows = self._rows
        parts = {name.removeprefix("component/"): rows[name] for name in rows if name.startswith("component/")}
        figures = {"total": rows["total"], **parts, "log_prior": rows["log_prior"], "log_prob": rows["log_prob"]}
        with csv_file(path, ("rank", "step", "text", *figures)) as table:
            for i, (step, row, length) in enumerate(zip(rows["step"], rows["tokens"], rows["lengths"], strict=True)):
                table.add(
                    {"rank": i + 1, "step": step, "text": domain.decode(row[:length])}
                    | {name: values[i] for name, values in figures.items()}
                )

    def state(self) -> dict[str, np.ndarray]:
        """Everything, as arrays."""
        return self._rows

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        self._rows = dict(state)


def _keys(tokens: np.ndarray, lengths: np.ndarray) -> list[bytes]:
    """What tells sequences apart: their tokens up to the end."""
    return [row[:length].tobytes() for row, length in zip(tokens, lengths, strict=True)]
