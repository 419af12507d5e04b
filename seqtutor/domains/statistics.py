"""What a domain says of its sequences in numbers, for `evaluate`, `data info` and the report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from seqtutor.stats.estimate import Estimate


class MetricNote(NamedTuple):
    """What a figure of `evaluate` is measured in, and whether "higher" or "lower" is better; "" where neither is."""

    unit: str
    better: str = ""


class Property(NamedTuple):
    """Numbers that sequences of a domain are described by, one or several a sequence, with their name and unit.

    `ticks` are names for values that have one.
    """

    name: str
    values: np.ndarray
    ticks: Mapping[float, str] = MappingProxyType({})


class Statistics(ABC):
    """Accumulates the statistics of a set of sequences, batch by batch, in bounded memory."""

    @abstractmethod
    def update(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Adds sequences: tokens int32 [N, T], lengths int32 [N]."""

    @abstractmethod
    def result(self) -> dict[str, Estimate]:
        """Every statistic by name, in the order to print."""

    def close(self) -> None:  # noqa: B027 (optional hook)
        """Ends worker processes, if any."""
