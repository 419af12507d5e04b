"""Judges given sequences: reward, and log-probability under a run's policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tensorflow as tf

from seqtutor.data.sequence_files import SequenceBatch, SequenceFile
from seqtutor.domains.rewards import Reward
from seqtutor.reading.rejections import write_rejected
from seqtutor.runs.run import Run
from seqtutor.system.progress import LOG, Progress
from seqtutor.system.tables import csv_file, make_folder, write_arrays

LogProb = Callable[[SequenceBatch], np.ndarray]


def score(
    given: SequenceFile,
    reward: Reward,
    run: Run | None,
    folder: Path,
    per_step: bool = False,
    quiet: bool = False,
) -> int:
    """Scores every sequence and returns their number.

    Writes scores.csv, a row a sequence: name, each component of the reward summed over the sequence, total, and with a
    run log_prob (log pi of the sequence given its primer, nats) and nll_per_token; rejected.csv if any were rejected or
    read but for a part, of which it warns; and with per_step scores.npz: float32 [N, T] by name, 0 after a sequence's
    end, and lengths [N].

    Raises:
      UserError: there is no sequence, or more than half are bad.
    """
    make_folder(folder)
    log_prob = None if run is None else log_probabilities(run)
    columns = ["name", *reward.names, "total", *([] if run is None else ["log_prob", "nll_per_token"])]
    steps: list[dict[str, np.ndarray]] = []
    count = other = 0
    try:
        with ExitStack() as stack:
            progress = stack.enter_context(Progress(None, "sequence", quiet))
            table = stack.enter_context(csv_file(folder / "scores.csv", list(dict.fromkeys(columns))))
            for batch in given.batches():
                values = _per_step(batch, reward, log_prob)
                for row in _rows(batch, values):
                    table.add(row)
                if per_step:
                    steps.append({**values, "lengths": batch.lengths})
                count += len(batch.names)
                other += 0 if run is None else of_another_length(run, batch.lengths)
                progress.advance(by=len(batch.names))
    finally:
        write_rejected(folder, given.rejected, given.left_out.partial)
    given.left_out.tell()
    if run is not None and other:
        LOG.warning(
            f"{other:,} of {count:,} sequences are not of the length {run.domain.length} of {run.path}: log_prob is "
            "what its policy, which counts the steps to go, gives them where it expects that length"
        )
    if per_step:
        _write_npz(folder / "scores.npz", steps)
    return count


def of_another_length(run: Run, lengths: np.ndarray) -> int:
    """How many sequences of lengths [N] a policy judges that is told of the steps to go, and expects others."""
    counts_steps = run.policy.lookahead is not None and run.domain.vocabulary.end is None
    return int((lengths != run.domain.length).sum()) if counts_steps else 0


def log_probabilities(run: Run) -> LogProb:
    """A function of a batch: log pi(a_t | primer, a_1 .. a_{t-1}) float32 [N, T], 0 after each sequence's end."""
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[ids, ids], autograph=False)
    def graph(tokens: tf.Tensor, primers: tf.Tensor) -> tf.Tensor:
        return run.policy.log_probs(tokens, primers)[0]

    def log_prob(batch: SequenceBatch) -> np.ndarray:
        values = graph(tf.constant(batch.tokens), tf.constant(batch.primers)).numpy()
        return np.where(np.arange(values.shape[1]) < batch.lengths[:, None], values, np.float32(0))

    return log_prob


def _per_step(batch: SequenceBatch, reward: Reward, log_prob: LogProb | None) -> dict[str, np.ndarray]:
    scored = reward(batch.tokens, batch.lengths)
    values = {**scored.components, "total": scored.total}
    return values if log_prob is None else {**values, "log_prob": log_prob(batch)}


def _rows(batch: SequenceBatch, values: dict[str, np.ndarray]) -> Iterator[dict[str, object]]:
    sums = {name: array.sum(axis=1) for name, array in values.items()}
    if "log_prob" in sums:
        sums["nll_per_token"] = -sums["log_prob"] / batch.lengths
    for i, name in enumerate(batch.names):
        yield {"name": name} | {key: array[i] for key, array in sums.items()}


def _write_npz(path: Path, steps: list[dict[str, np.ndarray]]) -> None:
    """Joins the batches, padded to the longest sequence of all."""
    longest = max(int(part["lengths"].max()) for part in steps)
    arrays = {}
    for name in steps[0]:
        parts = [part[name] for part in steps]
        if name != "lengths":
            parts = [np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in parts]
        arrays[name] = np.concatenate(parts)
    write_arrays(path, arrays)
