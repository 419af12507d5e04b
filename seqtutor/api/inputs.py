"""From what callers give to what the rooms below take: runs, domains, data, files of sequences, folders."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqtutor import config as configs
from seqtutor.config import Config
from seqtutor.data import corpus
from seqtutor.data.corpus import Corpus
from seqtutor.domains import make_domain
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import PYTHON, RewardLike, built_in, of_ratings, written
from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.records import Rejected
from seqtutor.runs.run import Run, load_run
from seqtutor.runs.shipped import folder_of, named_like
from seqtutor.system import tensorflow_setup
from seqtutor.system.progress import LOG, Progress

Settings = Mapping[str, Any]  # values of a config by `section.key`, as {"tune.rounds": 50}
OF_THE_PRIOR = ("domain", "data", "model")  # sections of a config that the prior's run settled,
OF_DRAWING = ("length", "range", "scale")  # but for these options of the domain: what is drawn, not what it means
LENGTH, RANGE, SCALE = (f"domain.{key}" for key in OF_DRAWING)
LIKE_BARS = 2  # of a tune that is to be continued


def as_run(run: Run | str | Path, settings: Settings | None = None) -> Run:
    """A run, loaded if it is a path, with settings of sampling and evaluation changed.

    Raises UserError for a path without a run, and for a setting that training has settled.
    """
    if not isinstance(run, Run):
        tensorflow_setup.setup()
        run = load_run(Path(run))
    if not settings:
        return run
    config = configs.changed(run.config, settings, str(run.path))
    free = {"sample": config.sample, "evaluate": config.evaluate}
    if config != run.config.model_copy(update=free):
        raise UserError(f"--set: of a trained run only {' and '.join(f'{name}.*' for name in free)} can be changed")
    return replace(run, config=config)


def config_of(prior: Run, reward: RewardLike | None) -> Config:
    """A prior's config, to tune by. Without another reward its own counts, but for a file: see `Run.reward_spec`."""
    chosen = prior.reward_spec if reward is None else reward
    return prior.config.model_copy(update={"tune": prior.config.tune.model_copy(update={"reward": written(chosen)})})


def at_least(least: int, **numbers: int | None) -> None:
    """Raises UserError for a number below the least; None passes."""
    for name, number in numbers.items():
        if number is not None and number < least:
            raise UserError(f"{name} is {number}; give {least} or more")


def several(what: Run | str | Path | Sequence[Run | str | Path]) -> list[Run | str | Path]:
    """One or several as a list, names of priors that come with seqtutor as folders. Raises UserError for none."""
    each = [what] if isinstance(what, Run | str | Path) else list(what)
    if not each:
        raise UserError("nothing was given; give at least one run")
    return [one if isinstance(one, Run) else folder_of(one) or one for one in each]


def named_domain(name: str, settings: Settings | None = None) -> Domain:
    """The domain of that name, with options set as {"domain.key": "G"}. Raises UserError if anything else is set."""
    default = configs.from_tree({"domain": {"name": name}}, "--domain")
    config = configs.changed(default, settings or {}, "--set")
    if config != default.model_copy(update={"domain": config.domain}) or config.domain["name"] != name:
        raise UserError("--set: without a run only the options domain.* can be changed")
    return make_domain(config.domain)


def common_domain(runs: Mapping[Any, Run], name: str | None, settings: Settings | None = None) -> Domain:
    """The one domain of all runs; without runs, the one named, with settings. Warns of runs with other options.

    Raises UserError if there are several, or none is named.
    """
    names = {run.domain.name: str(run.path) for run in runs.values()}
    if name is not None:
        names.setdefault(name, "--domain")
    if len(names) > 1:
        said = ", ".join(f"'{found}' ({path})" for found, path in names.items())
        raise UserError(f"cannot compare sequences of several domains: {said}; evaluate each by itself")
    if not names:
        raise UserError("none of these is a run, so say what the files hold, e.g. --domain music")
    if not runs:
        return named_domain(next(iter(names)), settings)
    first, *others = runs.values()
    for other in others:
        judged = {key: value for key, value in other.domain.options.items() if key not in OF_DRAWING[1:]}
        if found := differences(judged, first.domain.options):
            LOG.warning(f"{other.path} has {found} as {first.path}: each is judged by its own, novelty by the first's")
    return first.domain


def differences(these: Settings, others: Settings) -> str:
    """The options of a domain that are not as in others, each as `domain.key THIS, not OTHER`."""
    return "; ".join(f"domain.{key} {value}, not {others[key]}" for key, value in these.items() if others[key] != value)


def read_data(domain: Domain, name: str, quiet: bool) -> Corpus:
    """See `corpus.load`; shows its progress."""
    with Progress(None, "sequence", quiet, what=f"reading {name}") as progress:
        return corpus.load(domain, name, lambda count: progress.advance(by=count))


def reference_of(domain: Domain, name: str, quiet: bool) -> Any:
    """The data that novelty is measured against, as the domain makes it. Raises UserError if they are not here."""
    return domain.reference(read_free(domain, name, quiet).texts())


def read_free(domain: Domain, name: str, quiet: bool) -> Corpus:
    """As `read_data`, without a run's vocabulary: tokens unknown to the run count as well."""
    return read_data(type(domain)(domain.options), name, quiet)


def check_paths(paths: Sequence[str | Path]) -> None:
    """Raises UserError for the first path that does not exist."""
    for path in paths:
        if not text_files.exists(Path(path)):
            raise UserError(f"there is no run or file {path}; {named_like(path)}")


def of_prior(config: Config, prior: Run, bars: int | None = None) -> tuple[Config, Run]:
    """The config with what the prior decides, and the prior at the length, or so many bars, and with the notes that the
    config decides.

    Raises UserError if they are not of one domain, and for a length or notes that it cannot have.
    """
    if prior.policy.tuned is not None:
        raise UserError(f"--prior {prior.path} is a tuned run; give the run of `seqtutor pretrain` it came from")
    if config.domain["name"] != prior.domain.name:
        raise UserError(
            f"the config's domain is '{config.domain['name']}', but --prior {prior.path} is of '{prior.domain.name}'; "
            "use a config of that domain"
        )
    asked = {key: config.domain[key] for key in OF_DRAWING if key in config.domain}
    prior = prior.drawing(asked if bars is None else {**asked, "length": prior.domain.length_of_bars(bars)})
    kept = {name: getattr(prior.config, name) for name in (*OF_THE_PRIOR, "pretrain")}
    return config.model_copy(update=kept), prior


def refuse_of_the_prior(settings: Settings, free: Sequence[str] = (LENGTH, RANGE, SCALE)) -> None:
    """Raises UserError for a setting that the prior's run has settled, but for those that are free."""
    for key, value in settings.items():
        if key.partition(".")[0] in OF_THE_PRIOR and key not in free:
            sections = f"{', '.join(OF_THE_PRIOR[:-1])} and {OF_THE_PRIOR[-1]}"
            but = f", but for {', '.join(free)}" if free else ""
            raise UserError(f"--set {key}={value}: {sections} are the prior's{but}")


def refuse_reward_of_a_run(spec: str, source: configs.Source | None, changes: Settings, prior: Path) -> None:
    """Raises UserError where a reward is a file that nobody but a config in a run folder names: it is not executed.

    Args: source: of the config, None for that of the prior; changes: settings that were given beside it.
    """
    if built_in(spec) or of_ratings(spec) or spec.startswith(PYTHON) or "tune.reward" in changes:
        return
    folder = prior if source is None else configs.in_a_run(source)
    if folder is not None:
        raise UserError(
            f"the config in the run folder {folder} names a reward file, which is code: '{spec}'; "
            f"if you know that file and want it to run, name it yourself, with --reward {shlex.quote(spec)}"
        )


def tell_of_prior(config: Config, prior: Run, where: str) -> None:
    """Says which options of the domain, of a config from `where`, give way to the prior's; what is drawn does not."""
    asked = {**type(prior.domain).defaults, **config.domain}
    settled = {key: value for key, value in prior.domain.options.items() if key not in OF_DRAWING}
    if other := differences(settled, asked):
        LOG.warning(f"the prior's run settled what {where} has otherwise: {other}")


def check_primer(domain: Domain, spec: str, folder: Path) -> int:
    """Says how many primers of a file are left out, and that they are listed in the folder; and what others leave out.

    Returns how many tokens the longest puts before a sequence: none where a primer is a part of it, as a scaffold is.
    Raises UserError for a primer that cannot be used, before anything is made.
    """
    from seqtutor.policy.primers import Primer

    primer = Primer(domain, spec)
    primer.left_out.tell()
    if bad := len(primer.rejected):
        LOG.warning(f"left out {bad} of the primers in {spec}: see {folder / 'rejected.csv'}")
    return 0 if domain.keeps_primer else primer.longest


def last_bars(domain: Domain, path: Path) -> str:
    """The last bars of the first tune of a file, as a primer: prepared as training data are, in the key of the domain.

    Warns where there is more than one. Raises UserError if there is no tune that can be read, and in a domain without
    bars.
    """
    count = domain.length_of_bars(LIKE_BARS)
    tunes = iter(domain.prepare(path))
    item, second = next(tunes, None), next(tunes, None)
    if item is None or isinstance(item, Rejected):
        raise UserError(
            f"{path}: {'no tune in it' if item is None else item.reason}; give a file that begins with a tune"
        )
    left_out = LeftOut()
    left_out.add(item)
    left_out.tell()
    if second is not None:
        LOG.warning(f"{path} holds more than one tune: the first, {item.name}, is continued")
    return domain.decode(domain.encode(item.text)[-count:])


def check_particles(particles: int, c: float | None) -> None:
    """Raises UserError for a number of particles below 1, and for a temperature that is not positive."""
    if particles < 1:
        raise UserError(f"particles is {particles}; give 1, for draws from the policy itself, or more")
    if c is not None and not 0 < c < math.inf:
        raise UserError(f"c is {c}; give a positive number")


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def where(config: configs.Source) -> str:
    """What messages call a config."""
    return str(config) if isinstance(config, str | Path) else "the config"


def name_of(config: configs.Source | None) -> str:
    """What a config's runs are named after: its file or preset, or its domain."""
    if isinstance(config, str | Path):
        return Path(config).stem
    return str(configs.load(config or {}).domain["name"])
