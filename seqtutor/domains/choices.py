"""A reward learned from choices between two sequences: a CSV file of them, and the weights fitted to it.

The file has a row a choice, with the columns left, right (texts) and better: left, right, or empty for neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.errors import UserError, shown
from seqtutor.reading import tables
from seqtutor.reading.text_files import bounded, opened
from seqtutor.stats import bradley_terry
from seqtutor.stats.estimate import Estimate

COLUMNS = ("left", "right", "better")
LEAST, MOST = 10, 10_000  # choices


class Choice(NamedTuple):
    """Two texts, and which of them is better: "left", "right" or "" for neither; `where` it stood in its file."""

    left: str
    right: str
    better: str
    where: str


class FittedChoices(NamedTuple):
    """What was learned from choices.

    Attributes:
      weights: of each of `Ratings.features`, in nats of odds; those that tell nothing apart are left out.
      spread: of each of these, the standard deviation of weight times feature among the sequences rated.
      accuracy: share of the choices that is predicted from the others, with its 95 % interval; 0.5 is chance.
      num: choices that count.
    """

    weights: dict[str, float]
    spread: dict[str, float]
    accuracy: Estimate
    num: int

    @property
    def tells(self) -> bool:
        """Whether the choices are predicted better than by chance."""
        return self.accuracy.low is not None and self.accuracy.low > 0.5


def read_choices(path: Path) -> list[Choice]:
    """The choices of a file. Raises UserError for one that cannot be read, or that holds something else."""
    with opened(path, newline="") as file:
        rows = tables.Rows(bounded(file, path), quoted=True)
        header = rows.header()
        for separator in rows.separators:
            names = [cell.strip().lower().removeprefix("\ufeff") for cell in tables.cells(header, separator, True)]
            if set(COLUMNS) <= set(names):
                break
        else:
            raise UserError(f"{path} has no columns {', '.join(COLUMNS)}: give the file that the page of `rate` saves")
        rows.begin(separator)
        at, found = [names.index(name) for name in COLUMNS], list[Choice]()
        for number, row in rows:
            if isinstance(row, str) or len(row) <= max(at):
                raise UserError(f"{path}:{number}: {row if isinstance(row, str) else 'too few cells'}")
            left, right, better = (row[place].strip() for place in at)
            if better.lower() not in ("left", "right", ""):
                raise UserError(
                    f"{path}:{number}: better is {shown(better)}; write left, right, or nothing for neither"
                )
            found.append(Choice(left, right, better.lower(), f"{path}:{number}"))
            if len(found) > MOST:
                raise UserError(f"{path} has more than {MOST:,} choices; give fewer")
    return found


def fit_choices(domain: Domain, path: Path) -> FittedChoices:
    """Weights of the domain's features, fitted to the choices of a file by the model of Bradley and Terry.

    Raises UserError as `read_choices` does, for a text that is no sequence, and for too few choices.
    """
    choices = [choice for choice in read_choices(path) if choice.better]
    if len(choices) < LEAST:
        raise UserError(f"{path} has {len(choices)} choices between two; give {LEAST} or more")
    better = [choice.left if choice.better == "left" else choice.right for choice in choices]
    worse = [choice.right if choice.better == "left" else choice.left for choice in choices]
    names, values = _features(domain, [*better, *worse], [choice.where for choice in choices] * 2)
    spread = values.std(axis=0)
    kept = np.flatnonzero(spread > 0)
    scaled = values[:, kept] / spread[kept]
    differences = scaled[: len(choices)] - scaled[len(choices) :]
    weights = bradley_terry.fitted(differences)
    return FittedChoices(
        {names[i]: float(weight / spread[i]) for i, weight in zip(kept, weights, strict=True)},
        {names[i]: float(weight) for i, weight in zip(kept, weights, strict=True)},
        bradley_terry.accuracy(differences),
        len(choices),
    )


def _features(domain: Domain, texts: list[str], where: list[str]) -> tuple[list[str], np.ndarray]:
    """Names of the features, and their values [N, F] of each text."""
    encoded = []
    for text, place in zip(texts, where, strict=True):
        try:
            encoded.append(domain.encode(text))
        except ValueError as error:
            raise UserError(f"{place}: {error}") from None
        if not len(encoded[-1]):
            raise UserError(f"{place}: a text is empty")
    lengths = np.array([len(ids) for ids in encoded], np.int32)
    tokens = np.full((len(encoded), lengths.max()), domain.vocabulary.pad, np.int32)
    for row, ids in zip(tokens, encoded, strict=True):
        row[: len(ids)] = ids
    found = domain.ratings().features(tokens, lengths)
    return list(found), np.stack(list(found.values()), axis=1).astype(np.float64)
