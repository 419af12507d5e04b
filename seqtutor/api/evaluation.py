"""Judging runs and files: `evaluate` with its `Evaluation`, and `score`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor.api import html, inputs, provenance, restrictions
from seqtutor.config import EvaluateConfig
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import RewardLike, make_reward
from seqtutor.errors import UserError, unknown_name
from seqtutor.runs.run import Run
from seqtutor.stats.estimate import Estimate, p_value
from seqtutor.system import tensorflow_setup
from seqtutor.system.progress import LOG
from seqtutor.system.tables import make_folder

if TYPE_CHECKING:
    import pandas as pd

    from seqtutor.evaluation.evaluate import Subject


class Evaluation(Mapping[str, Mapping[str, Estimate]]):
    """Figures with 95 % intervals: evaluation["music/psi"]["reward"].low, by the label of a run or file and the metric.

    Attributes:
      c: the temperature of every objective; None where there are only files.
    """

    def __init__(self, results: Mapping[str, Mapping[str, Estimate]], c: float | None):
        self._results, self.c = results, c

    def __getitem__(self, label: str) -> Mapping[str, Estimate]:
        return self._results[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each run and metric: run, metric, value, low, high, n, p (Welch's z test against the first run)."""
        import pandas as pd

        first = next(iter(self._results.values()))
        rows = [
            {"run": label, "metric": name, "value": e.value, "low": e.low, "high": e.high, "n": e.n,
             "p": None if metrics is first or name not in first else p_value(first[name], e)}
            for label, metrics in self._results.items() for name, e in metrics.items()
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> None:
        """Writes evaluation.json and evaluation.csv into a folder. Raises UserError if it cannot be written to."""
        from seqtutor.evaluation.results import write_results

        write_results(self._results, make_folder(Path(folder)))

    def __str__(self) -> str:
        from seqtutor.evaluation.results import as_text

        return as_text(self._results, self.c)

    def __repr__(self) -> str:
        return f"<Evaluation of {', '.join(self)}>"

    def _repr_html_(self) -> str:
        """The table that the command prints."""
        from seqtutor.evaluation.results import as_rows, notes

        return html.table(as_rows(self._results)) + html.paragraph(*notes(self._results, self.c))


def evaluate(
    what: Run | str | Path | Sequence[Run | str | Path], *, num: int | None = None, particles: int = 1,
    c: float | None = None, length: int | None = None, bars: int | None = None, reference: str | None = None,
    metrics: str | None = None, domain: str | None = None, reward: RewardLike | None = None, seed: int | None = None,
    out: str | Path | None = None, settings: Mapping[str, Any] | None = None, range: str | None = None,
    scale: str | None = None, quiet: bool = False,
) -> Evaluation:  # fmt: skip
    """Statistics of runs and files with 95 % intervals, side by side, all judged by one reward.

    Args:
      what: runs, folders of runs, files or folders of files; one or several.
      num: sequences drawn from each run; by default evaluate.num of the first.
      particles: K; above 1 every sequence is picked from a population of K particles, near the optimum pi*.
      c: the temperature of objectives; by default that of the first tuned run.
      length: tokens of a sequence, at the most; by default those of each run. Files are judged as they are.
      bars: the same in bars, for melodies.
      range, scale: only these notes are drawn, as of `sample`; by default those of each run.
      reference: the data that novelty is measured against; by default the first run's data set.
      metrics: further statistics that take longer: "moses" or "guacamol" for molecules, or "all" that the domain has.
      domain: what the files hold, where no run says so.
      reward: as of `tune`; by default the domain's, whatever the runs were tuned for.
      out: a folder to write evaluation.json and evaluation.csv into; rejected.csv too, where files have bad sequences.
      settings: values for the runs' sections sample and evaluate; without runs, for the domain's options.
    Raises UserError for anything wrong with the input.
    """
    several = inputs.several(what)
    inputs.at_least(2, num=num)
    inputs.at_least(0, seed=seed)
    inputs.check_particles(particles, c)
    inputs.check_paths([each for each in several if not isinstance(each, Run)])
    tensorflow_setup.setup()
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.evaluation.evaluate import Study, common_c, measure
    from seqtutor.reading.rejections import write_rejected

    runs = runs_among(several, settings)
    asked = inputs.given({"num": num, "c": c, "length": length, "bars": bars, "range": range, "scale": scale})
    if not runs and (asked or particles > 1):
        which = " and ".join([*asked, *(["particles"] if particles > 1 else [])])
        raise UserError(f"{which}: said of sequences that a run draws, and files are judged as they are; leave it out")
    runs = {
        each: restrictions.of_notes(restrictions.of_length(run, length, bars), range, scale)
        for each, run in runs.items()
    }
    first = next(iter(runs.values()), None)
    of = inputs.common_domain(runs, domain, settings)
    further = _metric_sets(of, metrics)
    subjects = subjects_of(several, runs, of)
    defaults = first.config.evaluate if first else EvaluateConfig()
    warn = cache(LOG.warning)  # a reward is made for each subject, but what it warns of is told once
    study = Study(
        num or defaults.num,
        seed if seed is not None else first.config.seed if first else 0,
        lambda of: make_reward(of, reward or "", warn=warn),
        _reference(of, reference or defaults.reference, first, quiet),
        particles=particles,
        c=c,
        metrics=further,
    )
    folder = None if out is None else make_folder(Path(out))
    try:
        results = Evaluation(measure(subjects, study, quiet), common_c(subjects) if c is None else c)
    finally:
        files = [subject.what for subject in subjects if isinstance(subject.what, SequenceFile)]
        if files and folder:  # else rejected.csv is that of the run's own data
            write_rejected(folder, *(each for file in files for each in (file.rejected, file.left_out.partial)))
    for file in files:
        file.left_out.tell()
    if folder:
        results.save(folder)
    return results


def _metric_sets(domain: Domain, name: str | None) -> tuple[str, ...]:
    """The sets of statistics that a name means. Raises UserError if the domain has none of that name."""
    if name is None or name == "all":
        return () if name is None else domain.metric_sets
    if not domain.metric_sets:
        raise UserError(f"--metrics {name}: domain '{domain.name}' has no further metrics; leave the option out")
    if name not in domain.metric_sets:
        raise unknown_name("metrics", name, [*domain.metric_sets, "all"], f"domain {domain.name}")
    return (name,)


def runs_among(several: Sequence[Run | str | Path], settings: Mapping[str, Any] | None) -> dict[Any, Run]:
    """The runs among what is given, by what was given; the rest are files or folders of files."""
    return {
        each: inputs.as_run(each, settings)
        for each in several if isinstance(each, Run) or (Path(each) / "config.yaml").exists()
    }  # fmt: skip


def subjects_of(several: Sequence[Run | str | Path], runs: Mapping[Any, Run], domain: Domain) -> list[Subject]:
    """What to evaluate, in the order given, each once and with a label of its own."""
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.evaluation.evaluate import Subject

    several = list(dict.fromkeys(several))
    paths = [each.path if isinstance(each, Run) else Path(each) for each in several]
    names = [runs[each].name if each in runs else path.name for path, each in zip(paths, several, strict=True)]
    labels = [str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]
    return [
        Subject(label, runs[each] if each in runs else SequenceFile(domain, path, own_vocabulary=True))
        for label, path, each in zip(labels, paths, several, strict=True)
    ]


def _reference(domain: Domain, name: str, first: Run | None, quiet: bool) -> Any | None:
    """What novelty is measured against: the data named, or the first run's data set, if it is on this machine."""
    if name:
        return inputs.reference_of(domain, name, quiet)
    if first is None or not first.config.data.name:
        return None
    try:
        return provenance.training_data(first, quiet)
    except UserError as error:
        LOG.warning(f"novelty is left out: {error}")
        return None


def score(
    path: str | Path, *, out: str | Path | None = None, domain: str | None = None,
    model: Run | str | Path | None = None, reward: RewardLike | None = None, per_step: bool = False,
    settings: Mapping[str, Any] | None = None, quiet: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Reward and log-probability of the sequences of a file or folder: the table scores.csv.

    Args:
      out: a folder to write scores.csv into, and rejected.csv with the sequences that cannot be read.
      per_step: also write scores.npz, with every token's reward.
      domain: what the sequences are, e.g. "music"; by default the model's.
      model: a run whose policy gives log-probabilities.
      reward: as of `tune`; by default the domain's.
    Raises UserError for anything wrong with the input.
    """
    import pandas as pd

    if per_step and out is None:
        raise UserError("per_step writes scores.npz; say where, as out=")
    with tempfile.TemporaryDirectory() as nowhere:
        folder = Path(nowhere if out is None else out)
        _, rejected = write_scores(path, folder, domain, model, reward, per_step, settings, quiet)
        if rejected:
            listed = "" if out is None else f": see {folder / 'rejected.csv'}"
            LOG.warning(f"left out {rejected} sequences of {path} that cannot be read{listed}")
        return pd.read_csv(folder / "scores.csv", dtype={"name": str}, keep_default_na=False)


def write_scores(
    path: str | Path, folder: Path, domain: str | None, model: Run | str | Path | None, reward: RewardLike | None,
    per_step: bool, settings: Mapping[str, Any] | None, quiet: bool,
) -> tuple[int, int]:  # fmt: skip
    """See `score`. Returns how many sequences were scored, and how many rejected."""
    if domain is None and model is None:
        raise UserError("score needs --domain, e.g. --domain music, or --model")
    of = None if domain is None else inputs.named_domain(domain, settings if model is None else None)
    tensorflow_setup.setup()
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.evaluation.score import score as write

    run = None if model is None else inputs.as_run(model, settings)
    if run is not None:
        if of is not None and of.name != run.domain.name:
            raise UserError(f"--domain is '{of.name}', but --model {run.path} is of '{run.domain.name}'; leave one out")
        of = run.domain
    assert of is not None
    given = SequenceFile(of, Path(path), own_vocabulary=run is None)
    with make_reward(given.domain, reward or "") as scores:
        count = write(given, scores, run, folder, per_step, quiet)
    return count, len(given.rejected)
