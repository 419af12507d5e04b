"""What a report shows, gathered from runs: figures, learning curves, sequences, and what those are near to."""

from __future__ import annotations

import contextlib
import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqtutor.config import to_tree
from seqtutor.domains.base import Domain
from seqtutor.domains.neighbours import Neighbour
from seqtutor.domains.statistics import MetricNote
from seqtutor.errors import UserError
from seqtutor.evaluation.evaluate import Study, Subject, common_c, measure
from seqtutor.evaluation.results import Results
from seqtutor.runs.run import Run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.system.input_files import open_text

FIRST = 16  # sequences of all runs together that are shown as they were drawn, but LEAST of each
LEAST = 4
BEST = 4  # different sequences of each run with the highest rewards
POOL = 10_000  # sequences of each run, the first drawn, of which those are the best


class Shown(NamedTuple):
    """A sequence on the page.

    Attributes:
      text: as people write it.
      figure: HTML that shows it.
      reward: r(tau).
      times: how often it was drawn among those the best are taken from.
      cut: whether the length limit ended it instead of its end token.
    """

    text: str
    figure: str
    reward: float
    times: int
    cut: bool


class Near(NamedTuple):
    """A training sequence with its HTML, and its similarity, 0 to 1, to the one beside it."""

    neighbour: Neighbour
    figure: str


@dataclass(frozen=True)
class Story:
    """What a report tells of one run.

    Attributes:
      label: names it on the page.
      about: the section `run` of its config.yaml: kind, where it came from, versions.
      config: the rest, as plain dictionaries.
      history: the columns of history.csv, float [rows] each, NaN for a cell that is not a number.
      first: sequences as they were drawn.
      best: different ones with the highest rewards.
      nearest: of `best`, None where there is none; empty without training data.
    """

    label: str
    path: Path
    step: int
    about: dict[str, Any]
    config: dict[str, Any]
    history: dict[str, np.ndarray]
    first: list[Shown]
    best: list[Shown]
    nearest: list[Near | None]

    @property
    def tuned(self) -> bool:
        """Whether it is not a prior."""
        return self.about.get("kind") == "tuned"


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
      results: of `evaluate`, by the runs' labels.
      num, seed: of the sequences they are of.
      pool: sequences the best were taken from, of each run.
      reward: the spec of the reward that judged all.
      c: the temperature of every objective.
      how: how neighbours were found, or why there are none.
      notes: what the domain's own figures are.
    """

    domain: str
    stories: list[Story]
    results: Results
    num: int
    seed: int
    pool: int
    reward: str
    c: float
    how: str
    notes: Mapping[str, MetricNote]


class Kept:
    """The first POOL sequences of a run, without their figures."""

    def __init__(self, domain: Domain):
        self._decode, self._end = domain.decode, domain.vocabulary.end
        self.sequences: list[Shown] = []

    def add(self, tokens: np.ndarray, lengths: np.ndarray, totals: np.ndarray) -> None:
        """Keeps as many as there is room for: tokens [N, T], lengths [N], rewards [N]."""
        for row, length, total in list(zip(tokens, lengths, totals, strict=True))[: POOL - len(self.sequences)]:
            cut = self._end is not None and row[length - 1] != self._end
            self.sequences.append(Shown(self._decode(row[:length]), "", float(total), 1, cut))


def collect(subjects: Sequence[Subject], study: Study, reward: str, missing: str, quiet: bool) -> Report:
    """Judges the runs as `evaluate` does and gathers all a report shows.

    Args:
      subjects: runs of one domain.
      reward: the spec of study.reward, to be shown.
      missing: why study.reference is None, if it is.
    """
    domain, count = subjects[0].domain, max(LEAST, FIRST // len(subjects))
    kept = {subject.label: Kept(domain) for subject in subjects}
    results = measure(subjects, replace(study, watch=lambda label, *batch: kept[label].add(*batch)), quiet)
    drawn = [every.sequences for every in kept.values()]
    best = [_best(every) for every in drawn]
    chosen = [shown for every in best for shown in every]
    how, found = (
        (missing, []) if study.reference is None else domain.nearest([shown.text for shown in chosen], study.reference)
    )
    pictures = _pictures(domain, [*(shown for every in drawn for shown in every[:count]), *chosen], found)
    near = iter([item and Near(item, pictures[item.text]) for item in found])
    stories = [
        _story(subject, pictures, every[:count], top, [next(near) for _ in top] if found else [])
        for subject, every, top in zip(subjects, drawn, best, strict=True)
    ]
    c = common_c(subjects)
    assert c is not None  # they are runs
    return Report(
        domain.name, stories, results, study.num, study.seed, min(study.num, POOL), reward or domain.default_reward,
        c, how, domain.metric_notes,
    )  # fmt: skip


def read_history(path: Path) -> dict[str, np.ndarray]:
    """The columns of a history.csv by name, float [rows], NaN for a cell without a number; none if unreadable."""
    columns: dict[str, list[float]] = {}
    with contextlib.suppress(OSError, UserError, csv.Error), open_text(path) as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name is not None:  # what is after the last column of a damaged line
                    columns.setdefault(name, []).append(_number(value))
    return {name: np.array(values) for name, values in columns.items()}


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _best(drawn: Sequence[Shown]) -> list[Shown]:
    """The BEST different sequences with the highest rewards; of equal rewards the one drawn first."""
    times = Counter(shown.text for shown in drawn)
    first = {shown.text: shown for shown in reversed(drawn)}
    ordered = sorted(dict.fromkeys(shown.text for shown in drawn), key=lambda text: -first[text].reward)
    return [first[text]._replace(times=times[text]) for text in ordered[:BEST]]


def _pictures(domain: Domain, shown: Sequence[Shown], found: Sequence[Neighbour | None]) -> dict[str, str]:
    """The HTML of every text on the page."""
    texts = list(dict.fromkeys([*(item.text for item in shown), *(item.text for item in found if item)]))
    return dict(zip(texts, domain.figures(texts), strict=True))


def _story(
    subject: Subject, pictures: dict[str, str], first: list[Shown], best: list[Shown], near: list[Near | None]
) -> Story:
    run, folder = subject.what, RunFolder(subject.what.path)
    assert isinstance(run, Run)
    first, best = ([shown._replace(figure=pictures[shown.text]) for shown in every] for every in (first, best))
    return Story(
        subject.label, run.path, run.step, folder.about(), to_tree(run.config), read_history(folder.history_file),
        first, best, near,
    )  # fmt: skip
