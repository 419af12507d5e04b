"""docs/results.md, from docs/results.template.md and the files of the runs.

The template's parts begin with `<!-- stage: NAME -->`; of one whose stage has not ended only the heading stays, and
that it was not run. `{{name}}` is a table or list of this module, `{{domain policy metric}}` a figure, and
`{{domain policy metric %}}` the same in per cent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from reproduce_plan import ABLATIONS, PARTICLES, STAGES, Notes, Plan
from reproduce_results import MINUTES, Policies, differs
from reproduce_tables import COMPARED, MARKS, PUBLISHED, TABLES, Columns

from seqtutor import config
from seqtutor.config import Config
from seqtutor.runs.run_folder import RunFolder
from seqtutor.stats.estimate import Estimate
from seqtutor.sweeps import frontier, frontier_files
from seqtutor.sweeps.frontier import BOUND, FIGURES, OPTIMUM, PICKED, PRIOR, text
from seqtutor.system.files import write_text

TEMPLATE = Path("docs/results.template.md")
FIGURE = "frontier-melodies.png"
REWARD, KL, _ = FIGURES
LOG_Z = f"{PICKED}{BOUND}"


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
        filler.draw_frontier(page.parent / FIGURE)
    write_text(page, re.sub(r" +$", "", text.rstrip(), flags=re.MULTILINE) + "\n")  # some braces hold nothing


class Filler:
    """What fills the template's braces, from the files of the runs.

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
        return _plain(getattr(self, what).across(policy, metric), 100 if percent else 1, digits=4)

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
        policies = Policies(*sorted((self._out / name).glob("sweep*")))
        policies.add(self._out / name / "novelty" / "evaluation.json", *novelty)
        return policies

    def _table(self, domain: str, columns: Columns) -> str:
        policies: Policies = getattr(self, domain)

        def cell(policy: str, metric: str, title: str) -> str:
            mean = policies.across(policy, metric)
            if metric == MINUTES:
                return f"{mean.value:.1f}"
            return _cell(mean, _factor(title), None if policy == PRIOR else policies.across(PRIOR, metric))

        rows = [[policy, *(cell(policy, *column) for column in columns)] for policy in policies.runs]
        table = markdown([["", *(title for _, title in columns)], *rows])
        diverged = policies.diverged()
        return table + (f"\n\nDiverged, and not counted: {', '.join(diverged)}." if diverged else "")

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
            here = {p: _plain(self.music.across(p, metric), _factor(title)) for p in compared}
            rows.append([title, *(cell for p in compared for cell in (f"{of[p]:g}", here[p]))])
        return markdown(rows)

    @cached_property
    def _frontier(self) -> Policies:
        return Policies(self._out / "music" / "frontier", by="c")

    def frontier(self) -> str:
        """Means across seeds at each c, and the optimum there."""
        by_c = self._frontier
        rows = [["", "reward", "KL a sequence", "gap", "diverged"]]
        rows.append([PRIOR, *(_cell(by_c.across(PRIOR, name)) for name in (REWARD, KL)), "-", "-"])
        optima = {text(mean["c"]): mean for mean in self._means if mean["variant"] == OPTIMUM}
        for c in (c for c in by_c.runs if c != PRIOR):
            for prefix, words in (("", f"g, c = {c}"), (PICKED, f"g, c = {c}, {PARTICLES} particles")):
                cells = [_cell(by_c.across(c, f"{prefix}{name}")) for name in (REWARD, KL, "gap")]
                rows.append([words, *cells, by_c.counts(c)[1]])
            if c in optima:
                ends = ([optima[c][f"{name}{end}"] for end in ("", "_low", "_high")] for name in (REWARD, KL))
                rows.append([f"pi*, c = {c}", *(_cell(Estimate(*end, 1)) for end in ends), "0", "-"])
        return markdown(rows)

    @cached_property
    def _means(self) -> list[frontier.Row]:
        return frontier.across_seeds(self._frontier.rows, ("variant", "c"))

    def draw_frontier(self, path: Path) -> None:
        """The figure."""
        frontier_files.draw(self._frontier.rows, self._means, ("variant", "c"), path)

    def ablation(self) -> str:
        """Each ablation below what it was done to."""
        names = ("reward", "kl_sequence", "objective")
        rows = [["", "reward", "KL a sequence", "objective", "runs", "diverged"]]
        for variant in dict.fromkeys(ABLATIONS.values()):
            whole = [self.music.across(variant, name) for name in names]
            rows.append([variant, *map(_cell, whole), *self.music.counts(variant)])
            for ablation in (name for name, of in ABLATIONS.items() if of == variant):
                ablated = Policies(self._out / "music" / "ablation" / ablation)
                cells = [_cell(ablated.across(variant, name), 1, e) for name, e in zip(names, whole, strict=True)]
                rows.append([f"{variant}, {ablation}", *cells, *ablated.counts(variant)])
        return markdown(rows)

    def seeds(self) -> str:
        """How many runs a tuned policy has."""
        return str(self._scale.seeds)

    def rows(self, domain: str) -> str:
        """How many sequences a row of a domain's table is of."""
        return f"{self._scale.num[domain]:,}"

    def num(self, domain: str) -> str:
        """How many sequences the domain's config says are evaluated."""
        return f"{self._config(domain).evaluate.num:,}"

    def c(self, domain: str) -> str:
        """The temperature of a domain's runs."""
        return f"{self._config(domain).tune.c:g}"

    def particles(self) -> str:
        """K of the populations."""
        return str(PARTICLES)

    def log_z(self, domain: str) -> str:
        """The largest lower bound of log Z, with the low end of its interval; in words where none has one."""
        bounds = [(row[f"{LOG_Z}_low"], row[LOG_Z]) for row in getattr(self, domain).rows if row.get(f"{LOG_Z}_low")]
        if not bounds:
            return "not known, from so few draws"
        low_end, value = max(bounds)
        return f"{value:.3f} (95 % above {low_end:.3f})"

    def ratio(self, domain: str) -> str:
        """How often a sequence is learned from."""
        return f"{self._config(domain).tune.replay_ratio:g}"

    def words(self) -> str:
        """How many the exact domain has."""
        domain = self._config("chain").domain
        return f"{domain['letters'] ** domain['length']:,}"

    def prior(self, domain: str) -> str:
        """What a prior is."""
        config = self._config(domain)
        model = config.model
        return f"{model.layers} {model.cell.upper()} layer of {model.units} units, trained on `{config.data.name}`"

    def loss(self, domain: str) -> str:
        """The prior's cross-entropy, nats a token."""
        summary = json.loads((self._out / domain / "prior" / "summary.json").read_text(encoding="utf-8"))
        return f"{summary['test_loss']:.3f}"

    def _config(self, domain: str) -> Config:
        return config.load(self._scale.configs[domain], config.assignments(self._scale.changes.get(domain, ())))

    def machine(self) -> str:
        """What it ran on, with the versions."""
        notes = [self._notes.of(step) for steps in self.ended.values() for step in steps]
        commits = ", ".join(dict.fromkeys(note["commit"] for note in notes)) or "none"
        machines = "; ".join(dict.fromkeys(note["machine"] for note in notes)) or "none"
        prior = next((self._out / name / "prior" for name in ("music", "molecules", "chain")
                      if (self._out / name / "prior" / "config.yaml").exists()), None)  # fmt: skip
        found = RunFolder(prior).about()["versions"] if prior else {}
        versions = ", ".join(f"{name} {version}" for name, version in found.items())
        return f"- Machine: {machines}.\n- Versions: {versions}.\n- Commits of this repository: {commits}."

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
    """A command line in lines of up to 110 characters, broken before options."""
    lines = [""]
    for part in re.split(r" (?=--)", line):
        if len(lines[-1]) + len(part) > 106:
            lines.append("   ")
        lines[-1] += f" {part}"
    return " \\\n".join(lines).lstrip()


def _cell(e: Estimate | None, factor: float = 1, against: Estimate | None = None) -> str:
    """Value ± half the width of its interval, the half with two digits; starred where it differs from another."""
    if e is None:
        return "-"
    star = " *" if against is not None and differs(e, against) else ""
    half = 0.0 if e.low is None else (e.high - e.low) / 2 * factor
    return _plus_minus(e.value * factor, half) + star


def _plus_minus(value: float, half: float) -> str:
    if half <= 1e-12 * abs(value):  # all equal, but for rounding
        return f"{value:.4g}"
    if max(abs(value), half) < 1e-3:
        return f"{value:.1e} ± {half:.1e}"
    digits = max(0, 1 - math.floor(math.log10(half)))
    return f"{value:.{digits}f} ± {half:.{digits}f}"


def _factor(title: str) -> int:
    return 100 if "%" in title else 1


def _plain(e: Estimate | None, factor: float, digits: int = 3) -> str:
    return "-" if e is None else f"{e.value * factor:.{digits}g}"
