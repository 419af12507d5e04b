"""Writes sequences drawn from a run as files."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.domains.base import TEXTS, Domain, TableWriter, Writer
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError, unknown_name
from seqtutor.evaluation.draw import Draw, DrawnBatch, Target, draw
from seqtutor.policy.primers import Primer
from seqtutor.policy.sampler import Rollout
from seqtutor.reading import parquet
from seqtutor.reading.rejections import write_rejected
from seqtutor.runs.run import Run
from seqtutor.system import temporary
from seqtutor.system.files import writing
from seqtutor.system.progress import Progress
from seqtutor.system.tables import csv_file, make_folder, write_arrays

MOST_NPZ = 8 << 30  # bytes of samples.npz, which is held in memory
GENERAL = ("csv", "npz")  # formats of every domain; samples.csv is written in any case


def rows(run: Run, how: Draw, target: Target, quiet: bool = False) -> Iterator[dict[str, Any]]:
    """Draws sequences and gives a row of samples.csv for each; see `write`."""
    with Progress(how.num, "sequence", quiet) as progress:
        for batch in draw(run, how, target):
            yield from _rows(run.domain, batch, target.reward, [None] * len(batch.drawn_lengths))
            progress.advance(by=len(batch.drawn_lengths))


def write(run: Run, how: Draw, kind: str, target: Target, folder: Path, quiet: bool = False) -> None:
    """Draws sequences and writes them in a format, and samples.csv with their log-probabilities and rewards.

    samples.csv has a row for each sequence: file (if there is one), text, the text of its primer (if there is one),
    tokens, log_prior and log_prob (log p and log pi of the tokens drawn, nats), with particles log_weight (log Z-hat of
    the population it was picked from), each component of the reward summed over the sequence, and total.

    samples.npz (kind "npz", held in memory until the end) has tokens and per-token log_prior and log_prob [N, T],
    lengths [N] and primer [N, P]. rejected.csv lists what was left out of a primer's file, if anything.

    Raises:
      UserError: the domain cannot write the format, or its files do not say how they are to be played; the primer
        cannot be used, or the folder cannot be written to.
    """
    writer = find_writer(run.domain, kind)
    check_said(run.domain, kind)
    size = 12 * how.num * run.domain.length
    if kind == "npz" and size > MOST_NPZ:
        raise UserError(f"samples.npz of {how.num:,} sequences takes {size >> 30:,} GiB of memory; use --format csv")
    path = make_folder(folder) / "samples.csv"
    write_rejected(folder, Primer(run.domain, how.primer).rejected)
    weight = ("log_weight",) if how.particles > 1 else ()
    columns = ("file", "text", "primer", "tokens", "log_prior", "log_prob", *weight, *target.reward.names, "total")
    kept: list[DrawnBatch] = []
    first = 0
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(how.num, "sequence", quiet))
        table = stack.enter_context(csv_file(path, tuple(dict.fromkeys(columns))))
        with writing(folder):
            hidden = stack.enter_context(temporary.folder_beside(folder / "files"))
        for batch in draw(run, how, target):
            tokens, lengths = batch.sequences[:2]
            files: Sequence[Path | None] = [None] * len(tokens)
            if writer:
                with writing(folder):
                    files = writer(tokens, lengths, hidden, first)
            names = [None if file is None else file.relative_to(hidden).as_posix() for file in files]
            for row in _rows(run.domain, batch, target.reward, names):
                table.add(row)
            if kind == "npz":
                kept.append(batch)
            first += len(tokens)
            progress.advance(by=len(tokens))
        with writing(folder):
            for made in sorted(hidden.iterdir()):
                os.replace(made, folder / made.name)
    if kept:
        _write_npz(folder / "samples.npz", kept)
    if write_table := table_writers(run.domain).get(kind):
        with path.open(encoding="utf-8", newline="") as file:
            write_table(csv.DictReader(file), folder / f"samples.{kind}")


def find_writer(domain: Domain, kind: str) -> Writer | None:
    """The domain's writer of a format; None for the general formats and those of `table_writers`.

    Raises UserError for an unknown one, and for one whose optional package is not installed.
    """
    writers, tables = domain.writers(), table_writers(domain)
    if kind not in writers and kind not in tables and kind not in GENERAL:
        raise unknown_name("format", kind, (*GENERAL, *tables, *writers), f"domain {domain.name}")
    if kind == "parquet":
        parquet.check()
    return writers.get(kind)


def check_said(domain: Domain, kind: str) -> None:
    """Raises UserError where files of a format do not say how they are to be played (`Domain.unsaid`)."""
    if unsaid := domain.unsaid(kind):
        able = " or ".join(each for each in domain.writers() if not domain.unsaid(each))
        raise UserError(f"files of format {kind} do not say {' and '.join(unsaid)}; those of format {able} do")


def table_writers(domain: Domain) -> dict[str, TableWriter]:
    """The formats that hold the columns of samples.csv, by extension."""
    return {"parquet": partial(parquet.write, texts=TEXTS), **domain.table_writers()}


def _rows(domain: Domain, batch: DrawnBatch, reward: Reward, files: list[str | None]) -> Iterator[dict[str, object]]:
    """The rows of samples.csv for one batch."""
    drawn, kept = batch.sequences, batch.sequences.lengths - batch.drawn_lengths
    scored = reward(drawn.tokens, drawn.lengths)
    weight = {} if batch.log_z is None else {"log_weight": batch.log_z}
    sums = {
        "log_prior": drawn.log_prior.sum(axis=1), "log_prob": drawn.log_prob.sum(axis=1), **weight,
        **{name: scored.components[name].sum(axis=1) for name in reward.names}, "total": scored.total.sum(axis=1),
    }  # fmt: skip
    for i, (file, tokens, length) in enumerate(zip(files, drawn.tokens, drawn.lengths, strict=True)):
        ids = tokens[:length]
        primer = domain.decode([*batch.primers[i], *ids[: kept[i]]])
        text = {"file": file, "text": domain.decode(ids), "primer": primer, "tokens": " ".join(map(str, ids.tolist()))}
        yield text | {name: values[i] for name, values in sums.items()}


def _write_npz(path: Path, batches: list[DrawnBatch]) -> None:
    """Writes samples.npz; `score` reads it."""
    drawn = Rollout(*(np.concatenate(parts) for parts in zip(*(batch.sequences for batch in batches), strict=True)))
    write_arrays(path, {
        "tokens": drawn.tokens, "lengths": drawn.lengths, "primer": np.concatenate([b.primers for b in batches]),
        "log_prob": drawn.log_prob, "log_prior": drawn.log_prior,
    })  # fmt: skip
