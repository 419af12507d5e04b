"""docs/results.md, from docs/results.template.md and the files of the runs.

The template's parts begin with `<!-- stage: NAME -->`; of one whose stage has not ended only the heading stays, and
that it was not run. `{{name}}` is a table or list of this module, `{{domain policy metric}}` a figure, and
`{{domain policy metric %}}` the same in per cent.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from reproduce_plan import ABLATIONS, STAGES, Notes, Plan
from reproduce_results import MINUTES, Policies, differs

from seqtutor import config
from seqtutor.config import Config
from seqtutor.estimate import Estimate
from seqtutor.frontier import PRIOR
from seqtutor.rundir import RunDir, write_text

TEMPLATE = Path("docs/results.template.md")
FIGURE = "frontier-melodies.png"
Columns = Sequence[tuple[str, str]]  # metric, the column's name; one with % is in per cent
TABLES: dict[str, tuple[str, Columns]] = {
    "melodies_effort": ("music", (
        ("reward", "reward"), ("kl_token", "KL a token"), ("kl_sequence", "KL a sequence"), ("objective", "objective"),
        (MINUTES, "minutes"),
    )),
    "melodies_down": ("music", (
        ("repeated_notes", "repeated notes (%)"), ("not_in_key", "not in key (%)"), ("autocorrelation_1", "lag 1"),
        ("autocorrelation_2", "lag 2"), ("autocorrelation_3", "lag 3"),
    )),
    "melodies_up": ("music", (
        ("starts_with_tonic", "tonic first (%)"), ("leaps_resolved", "leaps resolved (%)"),
        ("in_motif", "in motif (%)"), ("in_repeated_motif", "in repeated motif (%)"),
        ("unique_highest", "highest unique (%)"), ("unique_lowest", "lowest unique (%)"),
    )),
    "melodies_variety": ("music", (
        ("unique", "distinct (%)"), ("novel", "novel (%)"), ("diversity", "diversity"), ("entropy", "entropy a token"),
        ("nll_prior", "-log p a token"),
    )),
    "molecules_effort": ("molecules", (
        ("reward", "reward"), ("kl_token", "KL a token"), ("kl_sequence", "KL a sequence"), ("objective", "objective"),
        (MINUTES, "minutes"),
    )),
    "molecules_paper": ("molecules", (
        ("valid", "valid (%)"), ("qed", "QED"), ("logp", "logP"), ("sa", "SA"), ("penalised_logp", "penalised logP"),
        ("ring_penalty", "ring penalty"),
    )),
    "molecules_best": ("molecules", (
        ("best_qed", "QED"), ("best_logp", "logP"), ("best_sa", "SA"), ("best_penalised_logp", "penalised logP"),
        ("characters", "characters"),
    )),
    "molecules_variety": ("molecules", (
        ("unique", "unique (%)"), ("novel", "novel (%)"), ("diversity", "diversity"), ("snn", "SNN"),
        ("fragments", "fragments"), ("scaffolds", "scaffolds"),
    )),
    "exact": ("chain", (
        ("kl_optimum", "KL(pi, pi*)"), ("objective", "objective"), ("reward", "reward"),
        ("kl_sequence", "KL(pi, p)"), (MINUTES, "minutes"),
    )),
}  # fmt: skip

# What a tuned policy is to reach: metric, in words, bound, whether it is an upper one.
MARKS = (
    ("repeated_notes", "repeated notes under 0.1 %", 0.001, True),
    ("not_in_key", "not in key under 0.5 %", 0.005, True),
    ("starts_with_tonic", "tonic first over 30 %", 0.3, False),
    ("in_motif", "in a motif over 75 %", 0.75, False),
    ("leaps_resolved", "leaps resolved over 90 %", 0.9, False),
    ("unique", "distinct over 99 %", 0.99, False),
    ("kl_token", "KL under 0.8 nats a token", 0.8, True),
)
# Table 1 of the paper's first version, named in the template. Lag 3 of G is printed "17" there, without its point.
COMPARED = (PRIOR, "q", "psi", "g")
PUBLISHED = {
    "repeated_notes": (63.3, 0.0, 0.02, 0.03), "not_in_key": (0.1, 1.00, 0.60, 28.7),
    "autocorrelation_1": (-0.16, -0.11, -0.10, 0.55), "autocorrelation_2": (0.14, 0.03, -0.01, 0.31),
    "autocorrelation_3": (-0.13, 0.03, 0.01, 0.17), "starts_with_tonic": (0.9, 28.8, 28.7, 0.0),
    "leaps_resolved": (77.2, 91.1, 90.0, 52.2), "in_motif": (5.9, 75.7, 73.8, 69.3),
    "in_repeated_motif": (0.007, 0.11, 0.09, 0.01), "unique_highest": (64.7, 56.4, 59.4, 37.1),
    "unique_lowest": (49.4, 51.9, 58.3, 56.5),
}  # fmt: skip


def write(page: Path, plan: Plan, notes: Notes) -> None:
    """Writes the page, and the figure beside it, from the runs of those stages of a plan that have ended."""
    head, *parts = re.split(r"<!-- stage: (\w+) -->\n", TEMPLATE.read_text(encoding="utf-8"))
    filler = Filler(plan, notes)
    text = filler.fill(head)
    for stage, part in zip(parts[::2], parts[1::2], strict=True):
        heading = part.partition("\n")[0]
        missing = f"{heading}\n\nNot run with these settings: `scripts/reproduce --stage {stage}`.\n\n"
        text += filler.fill(part) if stage in filler.ended else missing
    if "frontier" in filler.ended:
        shutil.copyfile(plan.out / "music" / "frontier" / "frontier.png", page.parent / FIGURE)
    write_text(page, text.rstrip() + "\n")


class Filler:
    """What stands in the template's braces, from the files of the runs.

    Attributes:
      ended: the steps of every stage that has ended.
    """

    def __init__(self, plan: Plan, notes: Notes):
        self._out, self._scale, self._notes = plan.out, plan.scale, notes
        stages = {stage: list(plan.steps(stage)) for stage in STAGES}
        self.ended = {stage: steps for stage, steps in stages.items() if steps and all(map(notes.of, steps))}

    def fill(self, text: str) -> str:
        """The text with all braces filled. Raises LookupError or AttributeError for what is not known."""
        return re.sub(r"\{\{(.+?)\}\}", lambda found: self._one(found[1]), text)

    def _one(self, name: str) -> str:
        if name in TABLES:
            return self._table(*TABLES[name])
        what, *of = name.split()
        if len(of) < 2:
            return getattr(self, what)(*of)
        policy, metric, *percent = of
        return _plain(getattr(self, what).across(policy, metric), 100 if percent else 1)

    @cached_property
    def music(self) -> Policies:
        """Of the table of melodies."""
        return self._of("music", "novel")

    @cached_property
    def molecules(self) -> Policies:
        """Of the table of molecules."""
        return self._of("molecules", "novel", "snn", "fragments", "scaffolds")

    @cached_property
    def chain(self) -> Policies:
        """Of the exact domain."""
        home = self._out / "chain"
        return Policies(*(home / name for name in ("sweep", "on-policy") if (home / name).exists()))

    def _of(self, name: str, *novelty: str) -> Policies:
        policies = Policies(self._out / name / "sweep")
        policies.add(self._out / name / "novelty" / "evaluation.json", *novelty)
        return policies

    def _table(self, domain: str, columns: Columns) -> str:
        policies = getattr(self, domain)
        rows = [["", *(title for _, title in columns)]]
        for policy in policies.runs:
            cells = [
                _cell(policies.across(policy, metric), 100 if "%" in title else 1,
                      None if policy == PRIOR or metric == MINUTES else policies.across(PRIOR, metric))
                for metric, title in columns
            ]  # fmt: skip
            rows.append([policy, *cells])
        diverged = policies.diverged()
        return markdown(rows) + (f"\n\nDiverged, and not counted: {', '.join(diverged)}." if diverged else "")

    def marks(self) -> str:
        """Which tuned policies reach what, in the mean of their seeds."""
        tuned = [policy for policy in self.music.runs if policy != PRIOR]
        rows = [["in the mean of the seeds", "reached by", "not by"]]
        for metric, words, bound, upper in MARKS:
            means = {policy: self.music.across(policy, metric) for policy in tuned}
            good = [policy for policy, e in means.items() if e and (e.value < bound if upper else e.value > bound)]
            rows.append([words, ", ".join(good) or "-", ", ".join(p for p in tuned if p not in good) or "-"])
        return markdown(rows, left=3)

    def published(self) -> str:
        """The paper's figures beside ours."""
        titles = dict(column for _, columns in TABLES.values() for column in columns)
        compared = [policy for policy in COMPARED if policy in self.music.runs]
        rows = [["", *(title for policy in compared for title in (f"{policy}: paper", "here"))]]
        for metric, values in PUBLISHED.items():
            title = titles[metric].replace("lag", "autocorrelation, lag")
            of = dict(zip(COMPARED, values, strict=True))
            here = {p: _plain(self.music.across(p, metric), 100 if "%" in title else 1) for p in compared}
            rows.append([title, *(cell for p in compared for cell in (f"{of[p]:g}", here[p]))])
        return markdown(rows)

    def frontier(self) -> str:
        """Means across seeds at each c."""
        with open(self._out / "music" / "frontier" / "frontier.csv", encoding="utf-8", newline="") as file:
            means = list(csv.DictReader(file))
        rows = [["", "reward", "KL a sequence", "objective", "runs", "diverged"]]
        for mean in sorted(means, key=lambda mean: float(mean["c"] or 0)):
            cells = [_mean(mean, name) for name in ("reward", "kl_sequence", "objective")]
            name = f"{mean['variant']}, c = {mean['c']}" if mean["c"] else mean["variant"]
            rows.append([name, *cells, mean["seeds"], mean["diverged"]])
        return markdown(rows)

    def ablation(self) -> str:
        """Each ablation below what it was done to."""
        names = ("reward", "kl_sequence", "objective")
        rows = [["", "reward", "KL a sequence", "objective", "runs", "diverged"]]
        for variant in dict.fromkeys(ABLATIONS.values()):
            whole = {name: self.music.across(variant, name) for name in names}
            rows.append(self._ablation_row(variant, self.music, variant, dict.fromkeys(names), whole))
            for ablation in (name for name, of in ABLATIONS.items() if of == variant):
                policies = Policies(self._out / "music" / "ablation" / ablation)
                found = {name: policies.across(variant, name) for name in names}
                rows.append(self._ablation_row(f"{variant}, {ablation}", policies, variant, whole, found))
        return markdown(rows)

    @staticmethod
    def _ablation_row(
        label: str, policies: Policies, variant: str, whole: Mapping[str, Any], found: Mapping[str, Any]
    ) -> list[str]:
        runs = policies.runs[variant]
        counts = str(len(runs)), str(sum(not run.figures for run in runs))
        return [label, *(_cell(found[name], 1, whole[name]) for name in found), *counts]

    def seeds(self) -> str:
        """How many runs a tuned policy has."""
        return str(self._scale.seeds)

    def num(self, domain: str = "") -> str:
        """How many sequences a row is of; of a domain, how many its config says."""
        return f"{self._config(domain).evaluate.num if domain else self._scale.num:,}"

    def c(self, domain: str) -> str:
        """The temperature of a domain's runs."""
        return f"{self._config(domain).tune.c:g}"

    def ratio(self, domain: str) -> str:
        """How often a sequence is learned from."""
        return f"{self._config(domain).tune.replay_ratio:g}"

    def words(self) -> str:
        """How many the exact domain has."""
        domain = self._config("chain").domain
        return f"{domain['letters'] ** domain['length']:,}"

    def loss(self, domain: str) -> str:
        """The prior's cross-entropy, nats a token."""
        summary = json.loads((self._out / domain / "prior" / "summary.json").read_text(encoding="utf-8"))
        return f"{summary['test_loss']:.3f}"

    def _config(self, domain: str) -> Config:
        return config.load(Path(self._scale.configs[domain]), self._scale.changes.get(domain, ()))

    def machine(self) -> str:
        """What it ran on, with the versions."""
        notes = [self._notes.of(step) for steps in self.ended.values() for step in steps]
        commits = ", ".join(dict.fromkeys(note["commit"] for note in notes)) or "none"
        machines = "; ".join(dict.fromkeys(note["machine"] for note in notes)) or "none"
        prior = next((self._out / name / "prior" for name in ("music", "molecules", "chain")
                      if (self._out / name / "prior" / "config.yaml").exists()), None)  # fmt: skip
        found = RunDir(prior).about()["versions"] if prior else {}
        versions = ", ".join(f"{name} {version}" for name, version in found.items())
        return f"Machine: {machines}. Versions: {versions}. Commits of this repository: {commits}."

    def commands(self, stage: str) -> str:
        """The command lines of a stage that no other has printed."""
        seen = [s.name for name in self.ended for s in self.ended[name] if name != stage]
        lines = [step.typed or step.line for step in self.ended[stage] if step.name not in seen or stage == "melodies"]
        return "```bash\n" + "\n".join(map(_wrapped, lines)) + "\n```"


def markdown(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table, its first row the head, its columns padded; the first `left` flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    pads = [str.ljust if i < left else str.rjust for i in range(len(widths))]
    padded = [[pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (padded[0], rule, *padded[1:]))


def _wrapped(line: str) -> str:
    return " \\\n    ".join(textwrap.wrap(line, 108, break_long_words=False, break_on_hyphens=False))


def _cell(e: Estimate | None, factor: float = 1, against: Estimate | None = None) -> str:
    """Value ± half the width of its interval, the half with two digits; starred where it differs from another."""
    if e is None:
        return "-"
    star = " *" if against is not None and differs(e, against) else ""
    half = 0.0 if e.low is None else (e.high - e.low) / 2 * factor
    return _plus_minus(e.value * factor, half) + star


def _plus_minus(value: float, half: float) -> str:
    if half == 0:
        return f"{value:.4g}"
    text = f"{half:.2g}"
    half_digits = max(0, 1 - int(f"{half:e}".partition("e")[2]))
    digits = min(half_digits, 5)
    return f"{value:.{digits}f} ± {half:.{digits}f}" if digits else f"{value:.0f} ± {float(text):.0f}"


def _mean(row: Mapping[str, str], name: str) -> str:
    if not row[name]:
        return "-"
    low = row[f"{name}_low"]
    return _plus_minus(float(row[name]), float(row[name]) - float(low) if low else 0.0)


def _plain(e: Estimate | None, factor: float) -> str:
    return "-" if e is None else f"{e.value * factor:.3g}"
