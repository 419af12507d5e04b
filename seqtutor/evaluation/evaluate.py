"""Statistics of runs and files, side by side, each with a 95 % interval.

Of every sequence tau of length T, in nats:

    reward         r(tau), the sum of its tokens' rewards; reward_<component> likewise, unweighted
    kl_sequence    sum_t KL(pi(. | s_t) || p(. | s_t)), exact in each state visited; kl_token is this a token
    objective      r(tau) / c - kl_sequence, c being one for all; what every variant with a prior maximises
    nll_prior      -log p a token;  nll_policy: -log pi a token;  entropy: of pi, a token
    length         tokens, the end token included
    log_z_bound    a lower bound of log Z, the objective of the best policy pi* (`kl_control.optimum`)
    log_z_upper    an upper bound, where exact draws from pi* can be had
    effective      the effective sample size of the lower bound, as a share of the draws; no interval under 100 draws
    gap            log Z - objective = KL(pi || pi*), for the largest lower bound of log Z that is known: so at least

With K particles (`kl_control.smc`) a sequence is picked from each population. Then `objective` is E[log Z-hat], a lower
bound of the picked sequences' own, and `kl_sequence` an upper bound of their KL; figures of the policy are left out.

"A token" is a ratio of sums over the tokens that were drawn. Then follow the domain's own statistics.
The sequences of a file are judged as they are, but `novel` is of those that would be training data, prepared as these.
Where all sequences can be listed, also log_z, the best objective there is, and kl_optimum = KL(pi || pi*), exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.data.sequence_files import SequenceFile
from seqtutor.domains.base import Domain
from seqtutor.domains.rewards import Reward
from seqtutor.evaluation.draw import Draw, DrawnBatch, Target, draw
from seqtutor.evaluation.exact_draws import listed, upper_bound
from seqtutor.evaluation.results import Results
from seqtutor.evaluation.sums import Sums
from seqtutor.kl_control.optimum import collapse, gap, kl, optimum
from seqtutor.reading.records import Record
from seqtutor.runs.run import Run
from seqtutor.stats.estimate import Estimate, RatioSums
from seqtutor.system.progress import LOG, Progress

BLOCK = 1 << 14  # sequences compared with the reference at a time

# Sees every batch that is judged: the subject's label, tokens [N, T], lengths [N], and r(tau) of each [N].
Watch = Callable[[str, np.ndarray, np.ndarray, np.ndarray], None]


@dataclass(frozen=True)
class Subject:
    """A run or a file that is evaluated; `label` names it in tables."""

    label: str
    what: Run | SequenceFile

    @property
    def domain(self) -> Domain:
        """The domain of the run or the file."""
        return self.what.domain


@dataclass(frozen=True)
class Study:
    """What is asked of every subject.

    Attributes:
      num: sequences drawn from each run; a file counts whole.
      seed: of the draws and of the statistics that sample; the next subject has the next seed, so that estimates
        are independent.
      reward: makes the reward, with the token numbers of the domain given; used as a context manager.
      reference: the training data, as the domain's `reference` makes it; None leaves out what needs it.
      watch: sees the sequences, if it is given.
      particles: K of each run; above 1 every sequence is picked from a population of K.
      c: the temperature of every objective; None: see `common_c`.
      metrics: further statistics, of the domain's `metric_sets`.
    """

    num: int
    seed: int
    reward: Callable[[Domain], AbstractContextManager[Reward]]
    reference: Any | None
    watch: Watch | None = None
    particles: int = 1
    c: float | None = None
    metrics: tuple[str, ...] = ()


def common_c(subjects: Sequence[Subject]) -> float | None:
    """The c of every objective in a table: the first tuned run's, or the first run's; None if there is no run."""
    runs = [subject.what for subject in subjects if isinstance(subject.what, Run)]
    runs.sort(key=lambda run: run.policy.tuned is None)  # stable: tuned ones first
    return runs[0].config.tune.c if runs else None


def measure(subjects: Sequence[Subject], study: Study, quiet: bool = False) -> Results:
    """Every subject's figures and statistics, by label. Memory grows by the 8 bytes a sequence that `unique` takes."""
    c = common_c(subjects) if study.c is None else study.c
    found: Results = {
        subject.label: _measured(subject, replace(study, seed=study.seed + place), c, quiet)
        for place, subject in enumerate(subjects)
    }
    _warn_of_collapse(subjects, found, c)
    return {**found, **with_gaps(subjects, found)}


def _warn_of_collapse(subjects: Sequence[Subject], found: Results, c: float | None) -> None:
    """Says which tuned runs have collapsed to a few sequences, beside a prior if there is one among the subjects."""
    runs = {subject.label: subject.what for subject in subjects if isinstance(subject.what, Run)}
    priors = [found[label] for label, run in runs.items() if run.policy.tuned is None and "unique" in found[label]]
    usual = max((metrics["unique"].value for metrics in priors), default=1.0)
    for label, run in runs.items():
        metrics = found[label]
        if run.policy.tuned is not None and "unique" in metrics:
            entropy = metrics["entropy"].value if "entropy" in metrics else None
            if said := collapse(metrics["unique"].value, usual, entropy):
                LOG.warning(
                    f"{label} has collapsed: {said}. With c = {c:g} few sequences are the optimum; raise tune.c"
                )


def with_gaps(subjects: Sequence[Subject], found: Results) -> Results:
    """The results of the runs, each with its `gap` to log Z.

    log Z is exact where it is known. Else it is the largest lower bound among the runs of one prior, primer, length and
    tokens allowed, so the gaps are at least what they are said to be.
    """
    groups: dict[tuple[bytes, str, int, bytes], list[str]] = defaultdict(list)
    for subject in subjects:
        if isinstance(subject.what, Run):
            run = subject.what
            allowed = b"" if run.policy.allowed is None else run.policy.allowed.tobytes()
            groups[run.policy.prior.digest(), run.primer, run.domain.length, allowed].append(subject.label)
    gaps: dict[str, dict[str, Estimate]] = {}
    for labels in groups.values():
        best = max(labels, key=lambda label: _certain(found[label]["log_z_bound"]))
        for label in labels:
            metrics = found[label]
            log_z = metrics.get("log_z", found[best]["log_z_bound"])
            own = "log_z" not in metrics and label == best
            shown = {"gap": gap(log_z, metrics["objective"], independent=not own)}
            at = list(metrics).index("objective") + 1
            gaps[label] = dict([*list(metrics.items())[:at], *shown.items(), *list(metrics.items())[at:]])
    return gaps


def _certain(bound: Estimate) -> tuple[bool, float]:
    """Orders bounds: those with an interval first, by its lower end."""
    return bound.low is not None, bound.value if bound.low is None else bound.low


def _measured(subject: Subject, study: Study, c: float | None, quiet: bool) -> dict[str, Estimate]:
    run = subject.what if isinstance(subject.what, Run) else None
    sums = Sums(c if run else None)
    domain = subject.domain
    statistics = [domain.statistics(study.reference, study.seed)]
    statistics += [domain.metrics(name, study.reference) for name in study.metrics]
    try:
        count = study.num if run else None
        with study.reward(subject.domain) as reward, Progress(count, "sequence", quiet) as progress:
            target = Target(reward, c) if c is not None else None
            for tokens, lengths, drawn in _sequences(subject, study, target):
                totals = sums.add(tokens, lengths, reward, drawn)
                if study.watch is not None:
                    study.watch(subject.label, tokens, lengths, totals)
                for each in statistics:
                    each.update(tokens, lengths)
                progress.advance(by=len(tokens))
            exact = (
                _exact(run, reward, c, study.particles) or _upper(run, Target(reward, c), study)
                if run and c is not None
                else {}
            )
        usual, *further = [each.result() for each in statistics]
        metrics = {name: value for each in further for name, value in each.items()}
        return {**sums.result(), **exact, **usual, **_novel(subject, study), **metrics}
    finally:
        for each in statistics:
            each.close()


def _novel(subject: Subject, study: Study) -> dict[str, Estimate]:
    """`novel` of a file, where its domain prepares training data; of anything else nothing."""
    of_file = isinstance(subject.what, SequenceFile) and type(subject.domain).prepare is not Domain.prepare
    if not of_file or study.reference is None:
        return {}
    return {"novel": novel(subject.domain, subject.what.path, study.reference)}


def novel(domain: Domain, path: Path, reference: Any) -> Estimate:
    """The share of a file's sequences, prepared as training data, that are not in a reference."""
    shares = RatioSums(share=True)
    texts = (item.text for item in domain.prepare(path) if isinstance(item, Record))
    while block := list(islice(texts, BLOCK)):
        shares.add(~domain.known(block, reference))
    return shares.estimate()


def _exact(run: Run, reward: Reward, c: float, particles: int) -> dict[str, Estimate]:
    """log Z and KL(pi || pi*) of a run whose sequences can all be listed, begun without a primer; else nothing."""
    every = listed(run.domain)
    if every is None or run.primer != "start":
        return {}
    log_pi, log_p = (
        each.numpy().sum(axis=1, dtype=np.float64)
        for each in run.policy.log_probs(every, np.zeros((len(every), 0), np.int32))
    )
    total = reward(every, np.full(*every.shape)).total.sum(axis=1, dtype=np.float64)
    best = optimum(log_p, total, c)
    exact = {"log_z": best.log_z}
    if particles == 1:  # else the sequences that are judged are not the policy's
        exact["kl_optimum"] = kl(log_pi, best.log_pi)
    return {name: Estimate(value, value, value, len(every), 0.0) for name, value in exact.items()}


def _upper(run: Run, target: Target, study: Study) -> dict[str, Estimate]:
    """The upper bound of log Z, where exact draws from the optimum can be had for a run begun without a primer."""
    bound = upper_bound(run, target, study.num, study.particles, study.seed) if run.primer == "start" else None
    return {} if bound is None else {"log_z_upper": bound.estimate()}


def _sequences(
    subject: Subject, study: Study, target: Target | None
) -> Iterator[tuple[np.ndarray, np.ndarray, DrawnBatch | None]]:
    """Tokens and lengths of every batch, and how it was drawn."""
    if isinstance(subject.what, SequenceFile):
        for batch in subject.what.batches():
            yield batch.tokens, batch.lengths, None
        return
    run = subject.what
    how = Draw(study.num, study.seed, run.config.sample.batch, primer=run.primer, particles=study.particles)
    for drawn in draw(run, how, target):
        yield drawn.sequences.tokens, drawn.sequences.lengths, drawn
