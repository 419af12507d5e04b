"""Sequences drawn from a run: `sample` draws them, `Samples` holds them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from seqtutor.api import html, inputs, restrictions
from seqtutor.domains.base import TEXTS, Domain
from seqtutor.domains.reward_spec import RewardLike, make_reward
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError
from seqtutor.runs.run import Run
from seqtutor.system import temporary
from seqtutor.system.files import writing
from seqtutor.system.tables import csv_file, make_folder, write_arrays

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 4  # sequences that a notebook shows


class Samples(Sequence[str]):
    """Drawn sequences, in order. As a sequence it holds their texts.

    Attributes:
      domain: whose sequences they are.
      folder: where they were written, or None.
    """

    def __init__(self, domain: Domain, rows: Sequence[Mapping[str, Any]] | None, folder: Path | None = None):
        """Args: rows: those of samples.csv, see `evaluation.sample`; None: they are read from the folder."""
        self.domain, self.folder, self._rows = domain, folder, rows

    @cached_property
    def _table(self) -> pd.DataFrame:
        import pandas as pd

        if self._rows is not None:
            table = pd.DataFrame(self._rows)
        else:
            assert self.folder is not None
            table = pd.read_csv(self.folder / "samples.csv", dtype=dict.fromkeys(TEXTS, str), keep_default_na=False)
        table = table.astype({name: np.float32 for name in table if name not in TEXTS})
        return table if table["file"].any() else table.drop(columns="file")

    def to_pandas(self) -> pd.DataFrame:
        """A row for each sequence: text, primer, tokens, log_prior, log_prob (nats), the reward's components, total.

        Where each has a file, its name is in the column `file`.
        """
        return self._table.copy()

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """The text of one sequence, or of several."""
        texts = self._table["text"].iloc[index]
        return list(texts) if isinstance(index, slice) else str(texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table["text"])

    @property
    def tokens(self) -> tuple[np.ndarray, np.ndarray]:
        """Token ids int32 [N, T], padded, and lengths int32 [N]."""
        rows = [np.array(text.split(), np.int32) for text in self._table["tokens"]]
        lengths = np.array([len(row) for row in rows], np.int32)
        tokens = np.full((len(rows), lengths.max(initial=0)), self.domain.vocabulary.pad, np.int32)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = row
        return tokens, lengths

    def save(self, path: str | Path) -> list[Path]:
        """Writes a file whose suffix says its format: .csv (as samples.csv), .parquet (the same), .npz (tokens
        and lengths), or one of the domain, as .mid.

        Where a format has a file for each sequence and there are several, they are numbered: x-00001.mid.
        Raises UserError for a format that the domain does not have, for one of the domain that does not say all of
        `playing` (see `sample`), and if the file cannot be written.
        """
        from seqtutor.evaluation.sample import check_said, find_writer, table_writers

        path = Path(path)
        kind = path.suffix.removeprefix(".")
        writer = find_writer(self.domain, kind)
        if writer is not None:
            check_said(self.domain, kind)
        make_folder(path.parent)
        tokens, lengths = self.tokens
        if kind == "npz":
            write_arrays(path, {"tokens": tokens, "lengths": lengths})
        if kind == "csv":
            with csv_file(path, ("file", *self._table.columns.drop("file", errors="ignore"))) as table:
                for row in self._table.to_dict("records"):
                    table.add({str(name): value for name, value in row.items()})
        if write_table := table_writers(self.domain).get(kind):
            write_table(({str(name): row[name] for name in row} for row in self._table.to_dict("records")), path)
        if writer is None:
            return [path]
        with writing(path), temporary.folder_beside(path) as folder:
            made = list(dict.fromkeys(writer(tokens, lengths, folder, 0)))
            number = len(made) > 1
            names = [path.with_stem(f"{path.stem}-{i:05d}") if number else path for i in range(1, len(made) + 1)]
            for file, name in zip(made, names, strict=True):
                shutil.move(file, name)
        return names

    def __repr__(self) -> str:
        return f"<{len(self)} samples of {self.domain.name}>"

    def _repr_html_(self) -> str:
        """The first ones, as a report shows them, with their rewards."""
        table = self._table.head(SHOWN)
        lines = [f"reward {total:.4g}" for total in table["total"]]
        first = "" if len(table) == len(self) else f"; the first {len(table)}"
        figures = zip(self.domain.figures(list(table["text"])), lines, strict=True)
        return html.paragraph(f"{len(self):,} samples of {self.domain.name}{first}:") + html.cards(figures)


def sample(
    run: Run | str | Path, num: int, *, out: str | Path | None = None, format: str | None = None, particles: int = 1,
    c: float | None = None, temperature: float | None = None, primer: str | None = None,
    length: int | None = None, bars: int | None = None, reward: RewardLike | Reward | None = None,
    seed: int | None = None, settings: Mapping[str, Any] | None = None, playing: Mapping[str, Any] | None = None,
    like: str | Path | None = None, range: str | None = None, scale: str | None = None, quiet: bool = False,
) -> Samples:  # fmt: skip
    """Draws sequences from a run's policy. The same seed draws the same sequences; fewer are the first of many.

    Args:
      num: how many.
      out: a folder to write samples.csv into, batch by batch, so that memory does not grow with num. Without it, the
        sequences are held in memory.
      format: what else is written there: "npz", or a format of the domain, as "mid".
      particles: K; above 1 every sequence is picked from a population of K particles, whose distribution nears the
        optimum pi* = p exp(r / c) / Z as K grows; the run's policy is their proposal (twisted sequential Monte Carlo).
      c: the temperature of pi*; by default the run's tune.c.
      temperature: below 1 sharpens the policy, above 1 flattens it.
      primer: what the sequences begin with: "start", "random", tokens as text, or a file.
      length: tokens of a sequence, at the most; by default those of the run. Beyond its training the policy
        goes on as it can.
      bars: the same in bars, for melodies.
      reward: as of `tune`, or a Reward that is ready, which stays open; by default the one that the run was tuned for.
      playing: how files of melodies sound, any of {"tempo": 100, "program": "flute", "swing": 66, "velocity": 90}:
        quarter notes a minute; a name of General MIDI, or a number from 0; per cent of a quarter that its first eighth
        lasts, 50 to 75; 1 to 127. A format that does not say all of it is refused.
      range: the notes that are drawn, for melodies: "G3-A5", or a voice or instrument, as "flute". log_prob is that of
        the policy with these notes alone, log_prior the prior's own.
      scale: the same by a scale, as "pentatonic", on the tonic of the key, or "D dorian".
      like: a file with a tune, whose last two bars the melodies continue, in the key of the training data.
      settings: values for the run's sections sample and evaluate, as {"sample.batch": 64}.
    Raises UserError for anything wrong with the input.
    """
    inputs.at_least(1, num=num)
    inputs.at_least(0, seed=seed)
    if out is None and format is not None:
        raise UserError(f"format is '{format}', but no folder is given; give out=, or save the samples afterwards")
    inputs.check_particles(particles, c)
    changes = {**(settings or {}), **inputs.given({"sample.temperature": temperature})}
    run = restrictions.of_notes(restrictions.of_length(inputs.as_run(run, changes), length, bars), range, scale)
    if like is not None:
        if primer is not None:
            raise UserError(f"a primer and like={like} are given; give one of the two")
        primer = inputs.last_bars(run.domain, Path(like))
    if playing:
        run = replace(run, domain=run.domain.played(playing))
    from seqtutor.evaluation.draw import Draw, Target
    from seqtutor.evaluation.sample import rows, write

    config = run.config
    how = Draw(
        num, config.seed if seed is None else seed, config.sample.batch, config.sample.temperature,
        primer or run.primer, particles,
    )  # fmt: skip
    how.check()
    folder = None if out is None else Path(out)
    restrictions.tell_of_primer(run, inputs.check_primer(run.domain, how.primer, folder or Path()))
    chosen = run.reward_spec if reward is None else reward
    with nullcontext(chosen) if isinstance(chosen, Reward) else make_reward(run.domain, chosen) as scores:
        target = Target(scores, config.tune.c if c is None else c)
        if folder is None:
            return Samples(run.domain, list(rows(run, how, target, quiet)))
        write(run, how, format or "csv", target, folder, quiet)
    return Samples(run.domain, None, folder)
