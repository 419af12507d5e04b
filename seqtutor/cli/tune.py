"""seqtutor tune."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqtutor.cli import options
from seqtutor.errors import UserError

if TYPE_CHECKING:
    from seqtutor.config import Config
    from seqtutor.runs.run import Run


OF_THE_PRIOR = ("domain", "data", "model")  # sections of the config that the prior's run settled
LONGER = ("tune.rounds",)  # what may grow with --resume


@click.command(
    epilog=options.example("seqtutor tune configs/music.yaml --prior runs/music/prior --variant psi --c 2"),
)
@options.training()
@click.option("--prior", required=True, type=options.PATH, metavar="RUN", help="Run folder of the prior to tune.")
@click.option("--variant", type=options.Variant(), help="How to tune; default: tune.variant of the config.")
@click.option("--c", type=float, help="Temperature: small follows the reward, large stays at the prior.")
@options.reward("tune.reward of the config")
@options.shared("runs/CONFIG's name/VARIANT")
def tune(
    config: Path, overrides: tuple[str, ...], resume: bool, force: bool, prior: Path, variant: str | None,
    c: float | None, reward: str | None, seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Tune a prior towards a reward by KL-control.

    Maximises E[reward] / c - KL(policy || prior). The domain, data and model are those of the prior's run; everything
    else comes from CONFIG. An interrupted run goes on with --resume, a finished one with a greater tune.rounds.
    """
    from seqtutor import config as configs
    from seqtutor.runs.run_folder import RunFolder

    refuse_of_the_prior(overrides)
    flags = {"tune.variant": variant, "tune.c": c, "tune.reward": reward, "seed": seed}
    overrides += tuple(f"{key}={json.dumps(value)}" for key, value in flags.items() if value is not None)
    resolved = configs.load(config, overrides)
    run = RunFolder(out or Path("runs", config.stem, resolved.tune.variant))
    if run.path.resolve() == prior.resolve():
        raise UserError(f"--out {run.path} is the prior's own folder; choose another")

    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.runs.run import load_run
    from seqtutor.tuning.loop import tune as learn

    loaded = load_run(prior)
    resolved, asked = of_prior(resolved, loaded), resolved
    options.check_primer(loaded.domain, resolved.tune.primer, run.path)
    with make_reward(loaded.domain, resolved.tune.reward, resolved.tune.batch) as scores:
        options.tell_longer(run.create(resolved, about(prior), resume, force, LONGER))
        tell_of_prior(asked, loaded, config)
        learn(resolved, loaded, scores, run, resume, quiet)
    if not quiet:
        click.echo(f"the tuned policy is in {run.path}")


def refuse_of_the_prior(overrides: Sequence[str]) -> None:
    """Raises UserError for a --set of what the prior's run settled."""
    for item in overrides:
        if item.partition(".")[0].strip() in OF_THE_PRIOR:
            raise UserError(f"--set {item}: {', '.join(OF_THE_PRIOR[:-1])} and {OF_THE_PRIOR[-1]} are the prior's")


def about(prior: Path) -> dict[str, str]:
    """What config.yaml says of a tuned run beside its settings."""
    return {"kind": "tuned", "prior": str(prior)}


def of_prior(config: Config, prior: Run) -> Config:
    """The config with what the prior decides. Raises UserError if they are not of one domain."""
    if prior.policy.tuned is not None:
        raise UserError(f"--prior {prior.path} is a tuned run; give the run of `seqtutor pretrain` it came from")
    if config.domain["name"] != prior.domain.name:
        raise UserError(
            f"the config's domain is '{config.domain['name']}', but --prior {prior.path} is of '{prior.domain.name}'; "
            "use a config of that domain"
        )
    return config.model_copy(update={name: getattr(prior.config, name) for name in (*OF_THE_PRIOR, "pretrain")})


def tell_of_prior(config: Config, prior: Run, path: Path) -> None:
    """Says which options of the domain, of a config from `path`, give way to those of the prior."""
    from seqtutor.system.progress import LOG

    asked = {**type(prior.domain).defaults, **config.domain}
    if other := options.differences(prior.domain.options, asked):
        LOG.warning(f"the prior's run settled what {path} has otherwise: {other}")
