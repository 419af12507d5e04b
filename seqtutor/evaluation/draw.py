"""Draws sequences from a run, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqtutor.policy.primers import Primer, draw_from
from seqtutor.policy.sampler import Rollout
from seqtutor.runs.run import Run


@dataclass(frozen=True)
class Draw:
    """How sequences are drawn.

    Attributes:
      num: how many.
      seed: with the batch size it decides the sequences; their number does not: the first of many are the few.
      batch: sequences drawn at a time.
      primer: see primers.Primer.
    """

    num: int
    seed: int
    batch: int
    temperature: float = 1.0
    primer: str = "start"


class DrawnBatch(NamedTuple):
    """A batch of sequences, the primers int32 [N, P] before them, and how many of their tokens were drawn, int32 [N].

    Where the domain keeps its primer, it is part of the sequences but not drawn, and P = 0.
    """

    primers: np.ndarray
    sequences: Rollout
    drawn_lengths: np.ndarray


def draw(run: Run, how: Draw) -> Iterator[DrawnBatch]:
    """Draws `how.num` sequences batch by batch. Every batch is drawn whole, the last one too, and cut afterwards."""
    sampler, primer = run.sampler(how.temperature), Primer(run.domain, how.primer)
    for index, first in enumerate(range(0, how.num, how.batch)):
        rng = np.random.default_rng([how.seed, 0x5A, index])
        uniforms = rng.random((how.batch, run.domain.length), np.float32)
        primers = primer.draw(how.batch, rng, first)
        whole, before, count = draw_from(sampler, uniforms, primers, run.domain)
        n = min(how.batch, how.num - first)
        yield DrawnBatch(before[:n], Rollout(*(array[:n] for array in whole)), count[:n])
