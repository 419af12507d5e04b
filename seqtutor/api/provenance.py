"""Where a run's data and reward came from, as config.yaml says it, and whether they are still what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqtutor.api import inputs
from seqtutor.data import sources
from seqtutor.data.corpus import Corpus
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import file_of, sha256_of
from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.runs.run import Run, load_run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.runs.shipped import folder_of
from seqtutor.system.progress import LOG


def of_data(domain: Domain, corpus: Corpus) -> dict[str, Any]:
    """The data of a run: their sha256, how many sequences, and where they are unless they have a name everywhere."""
    source = sources.find(type(domain), corpus.source)
    place = {} if source.data_set is not None else {"path": str(source.path.resolve())}
    return {"sha256": corpus.sha256, "sequences": len(corpus), **place}


def of_tuned(prior: Run, reward: str, initial: str = "") -> dict[str, Any]:
    """What config.yaml says of a tuned run: its prior with a digest of its weights, the prior's data, the run that it
    began with (see tune.initial), and the file of its reward if that is one.
    """
    data, name = _data_of(prior), str(prior.path) if folder_of(prior.path) is None else prior.path.name
    own = {"kind": "tuned", "prior": name, "weights": weights_of(prior)}
    return {**own, **({"data": data} if data else {}), **_of_initial(initial), **_of_reward(reward)}


def weights_of(run: Run) -> str:
    """What tells the weights of a prior from those of another."""
    return run.policy.prior.digest().hex()


def _of_initial(initial: str) -> dict[str, Any]:
    if not initial:
        return {}
    tuned = load_run(Path(initial)).policy.tuned
    digest = "" if tuned is None else tuned.digest().hex()  # a prior is refused when the tuning begins
    return {"initial": {"path": str(Path(initial).resolve()), "sha256": digest}}


def _of_reward(spec: str) -> dict[str, Any]:
    path = file_of(spec)
    return {} if path is None else {"reward": {"path": str(path.resolve()), "sha256": sha256_of(spec)}}


def training_data(run: Run, quiet: bool) -> Any:
    """The reference that a run's own data make (see `inputs.reference_of`), from where they were when it was trained.

    A warning says so if they have changed. Raises UserError if they are not on this machine.
    """
    known = _data_of(run)
    place = known.get("path")
    there = isinstance(place, str) and text_files.exists(Path(place))
    corpus = inputs.read_free(run.domain, place if there and isinstance(place, str) else run.config.data.name, quiet)
    if known.get("sha256") not in (None, corpus.sha256):
        LOG.warning(f"{corpus.source} has changed since {run.path} was trained: novelty is against what it holds now")
    return run.domain.reference(corpus.texts())


def _data_of(run: Run) -> dict[str, Any]:
    """What config.yaml of a run says of its data; nothing where there is none."""
    try:
        data = RunFolder(run.path).about().get("data")
    except UserError:
        return {}
    return data if isinstance(data, dict) else {}
