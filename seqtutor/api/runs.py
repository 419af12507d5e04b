"""A run as Python sees it: drawn from, judged, tuned further, shown in a notebook."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor.api import evaluation, html, inputs, samples
from seqtutor.runs import run as runs
from seqtutor.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("validation_loss", "reward", "kl_sequence", "objective", "entropy", "distinct")  # of history.csv, shown


class Run(runs.Run):
    """A prior, or a policy that was tuned from one, loaded from its folder.

    Attributes:
      path: the folder.
      config: every setting, resolved.
      domain: its tokens, rewards and statistics.
      policy: the networks.
      step: the step, or round, of the checkpoint that was loaded.
      reward: the one that `tune` was given; None for a run that was loaded.
    """

    @classmethod
    def of(cls, run: runs.Run) -> Run:
        """The same run."""
        return cls(**{field.name: getattr(run, field.name) for field in fields(runs.Run)})

    @property
    def tuned(self) -> bool:
        """Whether it was tuned from a prior."""
        return self.policy.tuned is not None

    @property
    def history(self) -> pd.DataFrame:
        """history.csv: a row for each logging step."""
        import pandas as pd

        return pd.read_csv(RunFolder(self.path).history_file)

    def sample(self, num: int, **how: Any) -> samples.Samples:
        """Draws sequences; see `seqtutor.sample`."""
        return samples.sample(self, num, **how)

    def evaluate(self, **how: Any) -> evaluation.Evaluation:
        """Statistics of this run; see `seqtutor.evaluate`."""
        return evaluation.evaluate([self], **how)

    def __str__(self) -> str:
        tune = self.config.tune
        what = f"tuned by {tune.variant} with c = {tune.c:g}, round" if self.tuned else "prior, step"
        return f"{self.path}: {self.domain.name} {what} {self.step:,}"

    def __repr__(self) -> str:
        return f"<Run {self}>"

    def _repr_html_(self) -> str:
        """What it is, and the last figures of its history."""
        history = self.history.tail(1).to_dict("records") if RunFolder(self.path).history_file.exists() else []
        last = history[0] if history else {}
        rows = [[name, f"{last[name]:.4g}"] for name in FIGURES if name in last]
        return html.paragraph(str(self)) + (html.table([["at the end", ""], *rows]) if rows else "")


def load_run(path: str | Path) -> Run:
    """The run in a folder: its best checkpoint. Raises UserError if the folder holds none that can be used."""
    return Run.of(inputs.as_run(path))
