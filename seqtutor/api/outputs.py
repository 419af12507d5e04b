"""What is made from runs, and what becomes one: `report`, `export`, and what is taken from other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.api import inputs, provenance
from seqtutor.api.evaluation import subjects_of
from seqtutor.api.runs import Run
from seqtutor.config import Config, from_tree
from seqtutor.domains import domain_class
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import RewardLike, make_reward, written
from seqtutor.domains.reward_terms import parse
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, unknown_name
from seqtutor.runs import checkpoint as checkpoints
from seqtutor.runs import run as runs
from seqtutor.runs.run_folder import RunFolder
from seqtutor.system import tensorflow_setup
from seqtutor.system.files import write_text
from seqtutor.system.progress import LOG
from seqtutor.system.tables import make_folder
from seqtutor.system.templates import write_page
from seqtutor.system.terminal import printable

FORMATS = ("saved-model", "reinvent")  # that `export` writes


def report(
    what: runs.Run | str | Path | Sequence[runs.Run | str | Path], *, num: int | None = None,
    reward: RewardLike | None = None, seed: int | None = None, out: str | Path | None = None, quiet: bool = False,
) -> Path:  # fmt: skip
    """One HTML page about runs: before and after, figures with intervals, learning curves, nearest training data.

    Args:
      what: runs or their folders, the prior first. A tuned run's prior that is not among them is put before it, if it
        is still where it was.
      num: sequences drawn from each run; by default evaluate.num of the first.
      reward: as of `tune`; by default the first tuned run's.
      out: the page's file, or a folder for report.html; by default the last run's folder.
    Returns: the page's file. Raises UserError for anything wrong with the input.
    """
    several = inputs.several(what)
    inputs.at_least(2, num=num)
    inputs.at_least(0, seed=seed)
    tensorflow_setup.setup()
    from seqtutor.evaluation.evaluate import Study
    from seqtutor.reports.collect import collect
    from seqtutor.reports.page import page

    loaded: dict[Any, runs.Run] = _with_priors({each: inputs.as_run(each) for each in several})
    several = list(loaded)
    domain, first = inputs.common_domain(loaded, None), loaded[several[0]]
    tuned = next((run for run in loaded.values() if run.policy.tuned is not None), None)
    chosen = reward if reward is not None else tuned.reward_spec if tuned else ""
    reference, missing = _reference(first, quiet)
    warn = cache(LOG.warning)  # see `evaluate`
    study = Study(
        num or first.config.evaluate.num, first.config.seed if seed is None else seed,
        lambda of: make_reward(of, chosen, warn=warn), reference,
    )  # fmt: skip
    found = collect(subjects_of(several, loaded, domain), study, written(chosen), missing, quiet)
    last = loaded[several[-1]]
    return write_page(_page_file(Path(out) if out is not None else Path() if last.shipped else last.path), page(found))


def _with_priors(loaded: Mapping[Any, runs.Run]) -> dict[Any, runs.Run]:
    """Runs, with the prior of a tuned one before it where no run is that prior; a warning names one that is gone."""
    known = {run.policy.prior.digest() for run in loaded.values() if run.policy.tuned is None}
    found: dict[Any, runs.Run] = {}
    for each, run in loaded.items():
        if run.policy.prior.digest() not in known:
            known.add(run.policy.prior.digest())
            if (prior := _prior_of(run)) is not None:
                found[prior.path] = prior
        found[each] = run
    return found


def _prior_of(run: runs.Run) -> runs.Run | None:
    """The prior of a tuned run, at its length; None, with a warning, where it is not what it was."""
    named = RunFolder(run.path).about().get("prior")
    if not isinstance(named, str):
        return None
    place = Path(named)
    try:
        prior = inputs.as_run(place).of_length(run.domain.length)
    except UserError:
        prior = None
    if prior is None or prior.policy.prior.digest() != run.policy.prior.digest():
        LOG.warning(f"{run.path}: its prior is no longer at '{place}', and so is not beside it")
        return None
    return prior


def _page_file(out: Path) -> Path:
    """The page's file: `out` itself if it is named so, else report.html in it."""
    named = out.suffix.lower() in (".html", ".htm") and not out.is_dir()
    return out if named else out / "report.html"


def _reference(run: runs.Run, quiet: bool) -> tuple[Any | None, str]:
    """What the training data make for the domain; where they are not on this machine, None and why."""
    name = run.config.evaluate.reference or run.config.data.name
    if not name:
        return None, "left out, for the first run names no data set"
    try:
        own = not run.config.evaluate.reference
        return provenance.training_data(run, quiet) if own else inputs.reference_of(run.domain, name, quiet), ""
    except UserError as error:
        return None, f"left out, for the training data are not on this machine ({error})"


def export(
    run: runs.Run | str | Path, out: str | Path, *, format: str = "saved-model", force: bool = False
) -> Path:  # fmt: skip
    """Writes a run's policy as a TensorFlow SavedModel, for programs without seqtutor; docs/export.md is its manual.

    Args:
      out: the SavedModel's folder, or with format "reinvent" the model file.
      format: "saved-model", or "reinvent" for a model file of REINVENT 4, of molecules whose policy is one LSTM.
      force: replace what is there.
    Returns: out. Raises UserError if the run cannot be loaded, has no such format, or if out cannot be written to.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    tensorflow_setup.setup()
    if format == "reinvent":
        from seqtutor.exchange import reinvent

        if Path(out).exists() and not force:
            raise UserError(f"{out} is there already; use --force or another --out")
        make_folder(Path(out).absolute().parent)
        reinvent.write(inputs.as_run(run), Path(out))
        return Path(out)
    from seqtutor.exchange import saved_model

    saved_model.check_place(Path(out), force)
    saved_model.export(inputs.as_run(run), Path(out))
    return Path(out)


def import_magenta(
    checkpoint: str | Path, out: str | Path, *, events: str = "", seed: int = 0, force: bool = False
) -> Run:
    """Makes a prior of a checkpoint of Magenta's RL Tuner Note RNN, or of a one-hot melody_rnn.

    Args:
      checkpoint: its prefix, one of its files, or the folder it lies in; or a bundle, FILE.mag.
      out: the run's folder.
      events: what the data called 0 and 1: "rl-tuner" for note off and no event, "note-seq" for the other way round;
        by default "note-seq" for a bundle, which only programs on note-seq write, else "rl-tuner".
    Raises UserError for a checkpoint that cannot be read or has another architecture.
    """
    tensorflow_setup.setup()
    from seqtutor.exchange import magenta, magenta_bundle

    events = events or ("note-seq" if Path(checkpoint).suffix == magenta_bundle.KIND else "rl-tuner")
    sizes, weights = magenta.convert(magenta.read(Path(checkpoint)), exchange=events == "note-seq")
    model = {"layers": len(sizes), "units": list(sizes), "reads_begin": False}
    tree = {"seed": seed, "domain": {"name": "music"}, "model": model, "tune": {"primer": "random"}}
    config = from_tree(tree, str(checkpoint))
    about = {"imported": str(checkpoint), "events": events}
    return _as_prior(config, domain_class("music")({}), weights, about, Path(out), force)


def import_reinvent(model: str | Path, out: str | Path, *, seed: int = 0, force: bool = False) -> Run:
    """Makes a prior of a model file of REINVENT 3 or 4 (`FILE.prior`): an LSTM over SMILES.

    Args: out: the run's folder.
    Raises UserError for a file that cannot be read or has another architecture.
    """
    tensorflow_setup.setup()
    from seqtutor.exchange import reinvent

    prior = reinvent.read(Path(model))
    sizes = {"layers": len(prior.sizes), "units": list(prior.sizes)}
    tree = {"seed": seed, "domain": {"name": "molecules", "length": prior.length}, "model": sizes}
    config = from_tree(tree, str(model))
    domain = domain_class("molecules")({"length": prior.length}, Vocabulary(prior.symbols, 0))
    return _as_prior(config, domain, prior.weights, {"imported": str(model)}, Path(out), force)


def convert_reinvent(source: str | Path, out: str | Path, *, stage: int = 1, force: bool = False) -> list[str]:
    """Writes a config of REINVENT 4 (TOML or JSON, of the run types staged_learning and scoring) as YAML for `tune`.

    Args: out: the file; stage: which of its stages, from 1.
    Returns what has no counterpart here, or one that differs, a line each; the file begins with them.
    Raises UserError for a file that cannot be read or is of another kind.
    """
    import yaml

    from seqtutor.domains.molecules.smiles import END
    from seqtutor.exchange import reinvent_config

    inputs.at_least(1, stage=stage)
    found = reinvent_config.convert(Path(source), stage)
    config = from_tree(found.settings, str(source))
    domain = domain_class("molecules")({}, Vocabulary((END,), 0))
    domain.reward(parse(config.tune.reward, domain.reward_names)).close()  # so patterns and names are right
    if Path(out).exists() and not force:
        raise UserError(f"{out} is there already; use --force or another --out")
    make_folder(Path(out).absolute().parent)
    notes = [f"Converted from {Path(source).name}. What has no counterpart, or one that differs:", *found.notes]
    comments = "".join(f"# {printable(note)}\n" for note in notes)
    write_text(Path(out), comments + yaml.safe_dump(found.settings, sort_keys=False, allow_unicode=True))
    return found.notes


def _as_prior(
    config: Config, domain: Domain, weights: Mapping[str, np.ndarray], about: Mapping[str, str], out: Path, force: bool
) -> Run:
    """A run folder with a prior of these weights, and what config.yaml says of it."""
    run = RunFolder(out)
    meta = {"kind": "prior", **runs.checkpoint_meta(config, domain)}
    with run.only_writer():
        run.create(config, {"kind": "prior", **about}, resume=False, force=force)
        checkpoints.save(run.checkpoints, checkpoints.Checkpoint(0, meta, checkpoints.join(prior=weights)))
    return Run.of(runs.load_run(run.path))
