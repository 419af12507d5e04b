"""seqtutor tune."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    cls=options.Tuning,
    epilog=options.example(
        "seqtutor tune configs/music.yaml --prior runs/music/prior --variant psi --c 2",
        "seqtutor tune music-quick --prior music",
    ),
)
@options.training("tune.rounds=50")
@click.option(
    "--prior", required=True, type=options.PATH, metavar="RUN", help="The prior to tune: a run folder, or a name."
)
@click.option("--variant", type=options.Variant(), help="How to tune; default: tune.variant of the config.")
@click.option("--c", type=float, help="Temperature: small follows the reward, large stays at the prior.")
@options.length("domain.length of the config")
@options.notes("domain.range of the config")
@click.option("--calls", type=click.IntRange(1), metavar="N", help="End after N different valid sequences were scored.")
@click.option("--until", type=float, metavar="REWARD", help="End after the first round whose mean reward is so high.")
@click.option(
    "--initial", type=options.PATH, metavar="RUN", help="Begin with the policy of this tuned run: the stage before."
)
@options.reward("tune.reward of the config")
@options.shared("runs/CONFIG's name/VARIANT")
def tune(
    config: str, overrides: tuple[str, ...], resume: bool, force: bool, prior: Path, variant: str | None,
    c: float | None, length: int | None, bars: int | None, range: str | None, scale: str | None, calls: int | None,
    until: float | None, initial: Path | None, reward: str | None, seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Tune a prior towards a reward by KL-control.

    Maximises E[reward] / c - KL(policy || prior). The domain, data and model are those of the prior's run; the length,
    the notes and everything else come from CONFIG. An interrupted run continues with --resume, a finished one with a
    greater tune.rounds.
    """
    from seqtutor import api
    from seqtutor.config import assignments

    run = api.tune(
        prior, config, variant=variant, c=c, reward=reward, calls=calls, until=until, initial=initial, length=length,
        bars=bars, range=range, scale=scale, out=out, seed=seed, settings=assignments(overrides), resume=resume,
        force=force, quiet=quiet,
    )  # fmt: skip
    if not quiet:
        options.say(f"the tuned policy is in {run.path}")
