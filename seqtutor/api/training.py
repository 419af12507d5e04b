"""pretrain and tune from Python; the commands of these names call them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqtutor import config as configs
from seqtutor.api import inputs, provenance, restrictions
from seqtutor.api.runs import Run
from seqtutor.config import Config
from seqtutor.domains import make_domain
from seqtutor.domains.reward_spec import RewardLike, make_reward, written
from seqtutor.errors import UserError
from seqtutor.reading.rejections import write_rejected
from seqtutor.runs import run as runs
from seqtutor.runs.run_folder import RunFolder
from seqtutor.runs.shipped import folder_of
from seqtutor.system import tensorflow_setup
from seqtutor.system.progress import LOG

PRETRAINED_LONGER = ("pretrain.epochs", "pretrain.patience")  # what may grow when a run is resumed
TUNED_LONGER = ("tune.rounds", "tune.calls")


def pretrain(
    config: configs.Source, *, out: str | Path | None = None, data: str | None = None, seed: int | None = None,
    settings: Mapping[str, Any] | None = None, resume: bool = False, force: bool = False, quiet: bool = False,
) -> Run:  # fmt: skip
    """Trains a prior by maximum likelihood: the loss is the mean over tokens of -log p(a_t | a_1 .. a_{t-1}), in nats.

    Args:
      config: a YAML file, the name of a preset ("music-quick"), nested dictionaries, or a Config.
      out: the run's folder; by default runs/NAME/prior, after the config's name.
      data: a data set's name or a path; by default data.name of the config.
      settings: values that replace those of the config, as {"model.units": 256}.
      resume: continue from the newest checkpoint.
      force: replace the run that is there.
      quiet: show no progress bars. Warnings go to the logger "seqtutor" in any case.
    Raises:
      UserError: anything wrong with the input.
      KeyboardInterrupt: after a checkpoint was written.
    """
    changes = {**(settings or {}), **inputs.given({"data.name": data, "seed": seed})}
    resolved = configs.load(config, changes)
    restrictions.refuse_notes(resolved)
    run = RunFolder(Path(out) if out is not None else Path("runs", inputs.name_of(config), "prior"))
    tensorflow_setup.setup()
    from seqtutor.pretraining.loop import pretrain as train
    from seqtutor.pretraining.replicas import is_chief

    domain = make_domain(resolved.domain)
    corpus = inputs.read_data(domain, resolved.data.name, quiet)
    about = {"kind": "prior", "data": provenance.of_data(domain, corpus)}

    def begin() -> None:
        _tell_longer(run.create(resolved, about, resume, force, PRETRAINED_LONGER))
        write_rejected(run.path, corpus.rejected, corpus.left_out.partial)
        listed = f": see {run.path / 'rejected.csv'}"
        if corpus.rejected:
            count, total = len(corpus.rejected), len(corpus.rejected) + len(corpus)
            LOG.warning(f"rejected {count:,} of {total:,} sequences ({corpus.rejected.reasons()}){listed}")
        if corpus.left_out.counts:
            LOG.warning(f"read, but for {'; '.join(corpus.left_out.summary().values())}{listed}")

    with run.only_writer() if is_chief() else nullcontext():
        if is_chief():
            run.check(resolved, about, resume, force, PRETRAINED_LONGER)
        train(resolved, corpus, run, resume, quiet, begin)
    return Run.of(runs.load_run(run.path))


def tune(
    prior: runs.Run | str | Path, config: configs.Source | None = None, *, variant: str | None = None,
    c: float | None = None, reward: RewardLike | None = None, calls: int | None = None, until: float | None = None,
    initial: runs.Run | str | Path | None = None, length: int | None = None, bars: int | None = None,
    range: str | None = None, scale: str | None = None, out: str | Path | None = None, seed: int | None = None,
    settings: Mapping[str, Any] | None = None, resume: bool = False, force: bool = False, quiet: bool = False,
) -> Run:  # fmt: skip
    """Tunes a prior towards a reward by KL-control: maximises E[r] / c - KL(policy || prior).

    Args:
      prior: a run of `pretrain`, or its folder. Its domain, data and model are the new run's too, but for the length.
      config: as of `pretrain`; by default the prior's own.
      variant: one of seqtutor.VARIANT_NAMES.
      c: the temperature, > 0: rewards count r / c, in nats.
      reward: a built-in name, a weighted sum ("qed:2,sa:1"), "file.py:function", "command:WORDS", "rest:URL", or a
        function(tokens, texts) of a batch that returns a number for each sequence, [N], or for each token, [N, T]. The
        run that is returned keeps it; one that is loaded later needs it again. For molecules it is called once for each
        different valid one.
      calls: the run ends after so many different valid sequences were scored, if not after tune.rounds before.
      until: the run ends after the first round whose mean reward is so high, if not before.
      initial: a run tuned from the same prior, or its folder, whose policy this one begins with: the stage before.
      length: tokens of a sequence, at the most; by default domain.length of the config, or else the prior's.
      bars: the same in bars, for melodies.
      range: the notes that are drawn, for melodies: "G3-A5", or a voice or instrument, as "flute". Then the optimum is
        p exp(r / c) over the melodies of these notes alone.
      scale: the same by a scale, as "pentatonic", on the tonic of the key, or "D dorian".
      out: the run's folder; by default runs/NAME/VARIANT after the config's name, or VARIANT beside the prior's folder.
      settings, resume, force, quiet: as of `pretrain`.
    Raises:
      UserError: anything wrong with the input; its kind Diverged when the loss is no longer finite.
      KeyboardInterrupt: after a checkpoint was written.
    """
    inputs.refuse_of_the_prior(settings or {})
    restrictions.refuse_length_twice(length, bars)
    named = None if reward is None else written(reward)
    before = None if initial is None else str(initial.path if isinstance(initial, runs.Run) else initial)
    own = {
        "tune.variant": variant, "tune.c": c, "tune.reward": named, "tune.calls": calls, "tune.until": until,
        "tune.initial": before, inputs.LENGTH: length, inputs.RANGE: range, inputs.SCALE: scale, "seed": seed,
    }  # fmt: skip
    changes = {**(settings or {}), **inputs.given(own)}
    asked = None if config is None else configs.load(config, changes)
    if isinstance(prior, str | Path) and asked is not None:  # before TensorFlow is loaded
        _refuse_own_folder(_folder(out, Path(prior), asked, config), Path(prior))
    loaded = inputs.as_run(prior)
    whole = asked or configs.load(inputs.config_of(loaded, changes.get("tune.reward")), changes)
    resolved, loaded = inputs.of_prior(whole, loaded, bars)
    inputs.refuse_reward_of_a_run(resolved.tune.reward, config, changes, loaded.path)
    chosen = resolved.tune.reward if reward is None else reward
    run = RunFolder(_folder(out, loaded.path, resolved, config))
    _refuse_own_folder(run.path, loaded.path)
    from seqtutor.tuning.loop import tune as learn

    opening = inputs.check_primer(loaded.domain, resolved.tune.primer, run.path)
    about = provenance.of_tuned(loaded, written(chosen), resolved.tune.initial)

    def begin() -> None:
        _tell_longer(run.create(resolved, about, resume, force, TUNED_LONGER))
        if asked is not None and config is not None:
            inputs.tell_of_prior(asked, loaded, inputs.where(config))
        restrictions.tell_of_untrained(loaded, opening)
        restrictions.tell_of_notes(loaded)

    with make_reward(loaded.domain, chosen, resolved.tune.batch) as scores, run.only_writer():
        run.check(resolved, about, resume, force, TUNED_LONGER)
        learn(resolved, loaded, scores, run, resume, quiet, begin)
    return Run.of(replace(runs.load_run(run.path), reward=chosen))


def _folder(out: str | Path | None, prior: Path, config: Config, source: configs.Source | None) -> Path:
    """Where a tuned run goes."""
    if out is not None:
        return Path(out)
    if source is None and (shipped := folder_of(prior)) is not None:
        return Path("runs", shipped.name, config.tune.variant)
    if source is None:
        return prior.parent / config.tune.variant
    return Path("runs", inputs.name_of(source), config.tune.variant)


def _refuse_own_folder(folder: Path, prior: Path) -> None:
    if folder.resolve() == prior.resolve():
        raise UserError(f"--out {folder} is the prior's own folder; choose another")


def _tell_longer(grown: Mapping[str, tuple[Any, Any]]) -> None:
    """Says what it means that a run continues for longer than it was begun for; see `RunFolder.create`."""
    for key, (old, new) in grown.items():
        why = (
            "the last round was cut short"
            if key == "tune.calls"
            else "the learning rate follows the new length from here"
        )
        LOG.warning(
            f"continuing with {key} {new}, after {old}: {why}, so this is not the run that had it from the start"
        )
