"""Sequences drawn from a run: `sample` draws them, `Samples` holds them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from seqtutor.api import inputs
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import RewardLike, make_reward
from seqtutor.errors import UserError
from seqtutor.runs.run import Run
from seqtutor.system.files import writing
from seqtutor.system.tables import make_folder, write_arrays

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # sequences that a notebook shows
COLUMNS = ("text", "primer", "total", "log_prior", "log_prob")  # of `Samples` that every domain has


class Samples(Sequence[str]):
    """Drawn sequences, in order. As a sequence it holds their texts.

    Attributes:
      domain: whose sequences they are.
      folder: where they were written, or None.
    """

    def __init__(self, domain: Domain, rows: Sequence[Mapping[str, Any]] | None, folder: Path | None = None):
        """Args: rows: those of samples.csv, see `evaluation.sample`; None: they are read from the folder."""
        self.domain, self.folder, self._rows = domain, folder, rows
        self._table: pd.DataFrame | None = None

    def to_pandas(self) -> pd.DataFrame:
        """A row for each sequence: text, primer, tokens, log_prior, log_prob (nats), the reward's components, total."""
        if self._table is None:
            import pandas as pd

            if self._rows is not None:
                self._table = pd.DataFrame(self._rows).drop(columns="file", errors="ignore")
            elif self.folder is not None:
                texts = {"text": str, "primer": str, "tokens": str}
                self._table = pd.read_csv(self.folder / "samples.csv", dtype=texts, keep_default_na=False)
            else:
                raise ValueError("neither rows nor a folder")
        return self._table

    def __len__(self) -> int:
        return len(self.to_pandas())

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """The text of one sequence, or of several."""
        texts = self.to_pandas()["text"].iloc[index]
        return str(texts) if isinstance(index, int) else [str(text) for text in texts]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_pandas()["text"])

    @property
    def tokens(self) -> tuple[np.ndarray, np.ndarray]:
        """Token ids int32 [N, T], padded, and lengths int32 [N]."""
        rows = [np.array(text.split(), np.int32) for text in self.to_pandas()["tokens"]]
        lengths = np.array([len(row) for row in rows], np.int32)
        tokens = np.full((len(rows), lengths.max(initial=0)), self.domain.vocabulary.pad, np.int32)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = row
        return tokens, lengths

    def save(self, path: str | Path) -> list[Path]:
        """Writes a file whose suffix says its format: .csv, .npz (tokens, lengths), or one of the domain, as .mid.

        Where a format has a file for each sequence and there are several, they are numbered: x-00001.mid.
        Raises UserError for a format that the domain does not have, and if the file cannot be written.
        """
        from seqtutor.evaluation.sample import find_writer

        path = Path(path)
        kind = path.suffix.removeprefix(".")
        writer = find_writer(self.domain, kind)
        make_folder(path.parent)
        tokens, lengths = self.tokens
        if kind == "npz":
            write_arrays(path, {"tokens": tokens, "lengths": lengths})
        if kind == "csv":
            with writing(path):
                self.to_pandas().to_csv(path, index=False)
        if writer is None:
            return [path]
        with writing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
            made = list(dict.fromkeys(writer(tokens, lengths, Path(folder), 0)))
            number = len(made) > 1
            names = [path.with_stem(f"{path.stem}-{i:05d}") if number else path for i in range(1, len(made) + 1)]
            for file, name in zip(made, names, strict=True):
                shutil.move(file, name)
        return names

    def __repr__(self) -> str:
        return f"<{len(self)} samples of {self.domain.name}>"

    def _repr_html_(self) -> str:
        """The first ones as a page of a report shows them, with their rewards."""
        table = self.to_pandas().head(SHOWN)
        figures = self.domain.figures(list(table["text"]))
        cards = "".join(
            f'<figure style="margin:0;width:20rem">{figure}<figcaption>reward {total:.4g}</figcaption></figure>'
            for figure, total in zip(figures, table["total"], strict=True)
        )
        more = f"<p>{escape(repr(self)[1:-1])}, the first {len(table)} of them:</p>"
        return f'{more}<div style="display:flex;flex-wrap:wrap;gap:1rem">{cards}</div>'


def sample(
    run: Run | str | Path, num: int, *, out: str | Path | None = None, format: str = "csv", particles: int = 1,
    c: float | None = None, temperature: float | None = None, primer: str | None = None,
    reward: RewardLike | None = None, seed: int | None = None, settings: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Samples:  # fmt: skip
    """Draws sequences from a run's policy. The same seed draws the same sequences; fewer are the first of many.

    Args:
      num: how many.
      out: a folder to write to, batch by batch: samples.csv and, unless it is "csv", the format; then memory does not
        grow with num. Without it, the sequences are held in memory.
      particles: K; above 1 every sequence is picked from a population of K particles, whose distribution nears the
        optimum pi* = p exp(r / c) / Z as K grows; the run's policy is their proposal (twisted sequential Monte Carlo).
      c: the temperature of pi*; by default the run's tune.c.
      temperature: below 1 sharpens the policy, above 1 flattens it.
      primer: what the sequences begin with: "start", "random", tokens as text, or a file.
      reward: as of `tune`; by default the one that the run was tuned for.
      settings: values for the run's sections sample and evaluate, as {"sample.batch": 64}.
    Raises UserError for anything wrong with the input.
    """
    if num < 1:
        raise UserError(f"num is {num}; draw at least 1 sequence")
    inputs.check_particles(particles, c)
    changes = {**(settings or {}), **inputs.given({"sample.temperature": temperature})}
    run = inputs.as_run(run, changes)
    from seqtutor.evaluation.draw import Draw, Target
    from seqtutor.evaluation.sample import rows, write

    config = run.config
    how = Draw(
        num, config.seed if seed is None else seed, config.sample.batch, config.sample.temperature,
        primer or run.primer, particles,
    )  # fmt: skip
    how.check()
    folder = None if out is None else Path(out)
    inputs.check_primer(run.domain, how.primer, folder or Path())
    with make_reward(run.domain, run.reward_spec if reward is None else reward) as scores:
        target = Target(scores, config.tune.c if c is None else c)
        if folder is None:
            return Samples(run.domain, list(rows(run, how, target, quiet)))
        write(run, how, format, target, folder, quiet)
    return Samples(run.domain, None, folder)
