"""seqtutor evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtutor.cli import complete, options
from seqtutor.errors import UserError

if TYPE_CHECKING:
    from seqtutor.domains.base import Domain
    from seqtutor.evaluation.evaluate import Subject
    from seqtutor.runs.run import Run


@click.command(
    epilog=options.example("seqtutor evaluate runs/music/prior runs/music/psi runs/music/rl-only --num 20000"),
)
@click.argument("paths", metavar="RUN|FILE...", nargs=-1, required=True, type=options.PATH)
@click.option("--num", type=click.IntRange(2), help="Sequences drawn from each run; default: the first's evaluate.num.")
@click.option(
    "--reference", metavar="NAME|PATH", shell_complete=complete.data_sets,
    help="What novelty is against; default: the first run's data set.",
)  # fmt: skip
@click.option(
    "--domain", "domain_name", metavar="D", shell_complete=complete.domains,
    help="What the files hold, where no run says so.",
)  # fmt: skip
@options.reward("the domain's, whatever the runs were tuned for")
@options.settings()
@options.shared("the first run's folder, or the current one")
def evaluate(
    paths: tuple[Path, ...], num: int | None, reference: str | None, domain_name: str | None, reward: str | None,
    overrides: tuple[str, ...], seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Statistics of runs and files with 95 % intervals, side by side.

    Draws sequences from each run at temperature 1 and reads each file. All are judged by one reward. Writes
    evaluation.json and evaluation.csv; what differs from the first significantly is marked.
    """
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.config import EvaluateConfig
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.evaluation.evaluate import Study, common_c
    from seqtutor.evaluation.evaluate import evaluate as measure
    from seqtutor.evaluation.results import as_text, write_results
    from seqtutor.reading.rejections import write_rejected
    from seqtutor.system.tables import make_folder

    runs = load_runs(paths, overrides)
    first = next(iter(runs.values()), None)
    domain = common_domain(runs, domain_name, overrides)
    subjects = subjects_of(paths, runs, domain)
    settings = first.config.evaluate if first else EvaluateConfig()
    study = Study(
        num or settings.num,
        seed if seed is not None else first.config.seed if first else 0,
        lambda of: make_reward(of, reward or ""),
        _reference(domain, reference or settings.reference, first, quiet),
    )
    folder = make_folder(out or (first.path if first else Path()))
    try:
        results = measure(subjects, study, quiet)
    finally:
        files = [subject.what for subject in subjects if isinstance(subject.what, SequenceFile)]
        if files:  # else rejected.csv is that of the run's own data
            write_rejected(folder, *(file.rejected for file in files))
    write_results(results, folder)
    click.echo(as_text(results, common_c(subjects)).replace(" *", click.style(" *", fg="green")))


def load_runs(paths: Sequence[Path], overrides: tuple[str, ...]) -> dict[Path, Run]:
    """The runs among the paths; the others are files or folders of files."""
    from seqtutor.reading import text_files
    from seqtutor.runs.run import load_run

    for path in paths:
        if not text_files.exists(path):
            raise UserError(f"there is no run or file {path}")
    return {path: options.changed(load_run(path), overrides) for path in paths if (path / "config.yaml").exists()}


def common_domain(runs: dict[Path, Run], name: str | None, overrides: tuple[str, ...] = ()) -> Domain:
    """The one domain of all; without runs, --set counts. Warns of runs that have it with other options than the first.

    Raises UserError if there are several, or none is named.
    """
    from seqtutor.system.progress import LOG

    names = {run.domain.name: path for path, run in runs.items()}
    if name is not None:
        names.setdefault(name, Path("--domain"))
    if len(names) > 1:
        said = ", ".join(f"'{found}' ({path})" for found, path in names.items())
        raise UserError(f"cannot compare sequences of several domains: {said}; evaluate each by itself")
    if not names:
        raise UserError("none of these is a run, so say what the files hold, e.g. --domain music")
    if not runs:
        return options.named_domain(name, overrides)
    (first, run), *others = runs.items()
    for path, other in others:
        if found := options.differences(other.domain.options, run.domain.options):
            LOG.warning(f"{path} has {found} as {first}: each is judged by its own, novelty by the first's")
    return run.domain


def subjects_of(paths: Sequence[Path], runs: dict[Path, Run], domain: Domain) -> list[Subject]:
    """What to evaluate, in the order named, each with a label of its own."""
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.evaluation.evaluate import Subject

    paths = list(dict.fromkeys(paths))
    names = [runs[path].name if path in runs else path.name for path in paths]
    labels = [str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]
    return [
        Subject(label, runs[path] if path in runs else SequenceFile(domain, path, own_vocabulary=True))
        for label, path in zip(labels, paths, strict=True)
    ]


def _reference(domain: Domain, name: str, first: Run | None, quiet: bool) -> Any | None:
    """What novelty is against: the data named, or the first run's data set, if it is on this machine."""
    from seqtutor.system.progress import LOG

    free = type(domain)(domain.options)  # with no run's vocabulary: tokens unknown to the run count as well
    if name:
        return domain.reference(options.read_data(free, name, quiet).texts())
    if first is None or not first.config.data.name:
        return None
    try:
        return domain.reference(options.read_data(free, first.config.data.name, quiet).texts())
    except UserError as error:
        LOG.warning(f"novelty is left out: {error}")
        return None
