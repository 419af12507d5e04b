"""`rate`: a page of pairs of melodies to choose between; `fit_ratings`: what such choices say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtutor.api import inputs
from seqtutor.api.samples import sample
from seqtutor.domains.choices import FittedChoices, fit_choices
from seqtutor.runs.run import Run
from seqtutor.system.templates import write_page


def rate(
    run: Run | str | Path, *, num: int = 50, particles: int = 1, c: float | None = None, length: int | None = None,
    bars: int | None = None, range: str | None = None, scale: str | None = None, tempo: float | None = None,
    seed: int | None = None, out: str | Path = "rate.html", quiet: bool = False,
) -> Path:  # fmt: skip
    """Writes a page that plays melodies of a run in pairs, asks which is better, and saves the choices as a CSV file.

    Args:
      num: how many pairs.
      particles, c, length, bars, range, scale, seed: as of `sample`.
      tempo: quarter notes a minute; by default 80.
      out: the page's file.
    Returns: the page's file. Raises UserError for anything wrong with the input, and for sequences that do not sound.
    """
    inputs.at_least(1, num=num)
    drawn = sample(
        run, 2 * num, particles=particles, c=c, length=length, bars=bars, range=range, scale=scale, seed=seed,
        playing=inputs.given({"tempo": tempo}), quiet=quiet,
    )  # fmt: skip
    texts = list(drawn)
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    page = drawn.domain.ratings().page(f"seqtutor: rate {run.path if isinstance(run, Run) else run}", pairs)
    return write_page(Path(out), page)


def fit_ratings(path: str | Path, *, domain: str = "music", settings: Mapping[str, Any] | None = None) -> FittedChoices:
    """What a file of choices says: the weights that `tune` takes as a reward, and how well choices are predicted.

    Args: domain, settings: what the choices are between, as of `score`.
    Raises UserError for a file that cannot be read, and for fewer than 10 choices.
    """
    return fit_choices(inputs.named_domain(domain, settings), Path(path))
