"""The summary of a sweep by hand: means across seeds, the files, the plot."""

import csv
import math

import numpy as np
import pytest
from matplotlib.image import imread

from seqtutor.stats.estimate import Z95, mean_of_few, student95
from seqtutor.sweeps.frontier import across_seeds, as_text, interval, with_gaps
from seqtutor.sweeps.frontier_files import write_summary

SETTINGS = ("variant", "c")


def row(variant, c, seed, reward, kl, status="done"):
    figures = {}
    for name, value in (("reward", reward), ("kl_sequence", kl), ("objective", None), ("log_z_bound", None)):
        figures |= interval(name, value, None, None)
    where = {"status": status, "seconds": 1.0, "folder": f"{variant}-{c}"}
    return {"variant": variant, "c": c, "seed": seed, **figures, **where}


PRIOR = row("prior", None, None, 0.0, 0.0)
ROWS = [
    PRIOR,
    row("psi", 0.5, 0, 4.0, 2.0),
    row("g", 0.5, 0, None, None, "diverged"),
    row("psi", 0.5, 1, 6.0, 2.5),
    row("g", 0.5, 1, 5.0, 3.0),
    row("psi", 0.5, 2, 8.0, 3.0),
    row("psi", 1.0, 0, None, None, "unfinished"),
]


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706205), (2, 4.302653), (3, 3.182446), (9, 2.262157), (30, 2.042272)]
)
def test_students_quantile_is_that_of_the_tables(freedom, t):
    assert student95(freedom) == pytest.approx(t, abs=1e-6)


def test_students_quantile_ends_at_the_normal_one():
    assert student95(100_000) == pytest.approx(Z95, abs=3e-5)


def test_the_mean_of_few_by_hand():
    found = mean_of_few([4.0, 6.0, 8.0])  # standard deviation 2
    half = 4.302653 * 2 / math.sqrt(3)
    assert (found.value, found.n) == (6.0, 3)
    assert (found.low, found.high) == pytest.approx((6 - half, 6 + half), abs=1e-5)
    assert (mean_of_few([4.0]).value, mean_of_few([4.0]).low) == (4.0, None)
    assert math.isnan(mean_of_few([]).value)


def test_the_interval_of_few_holds_what_it_promises():
    rng = np.random.default_rng(0)
    found = [mean_of_few(values) for values in rng.normal(3.0, 2.0, (4000, 3))]
    assert np.mean([e.low < 3.0 < e.high for e in found]) == pytest.approx(0.95, abs=0.011)  # three standard errors


def test_means_across_seeds():
    prior, psi, g = across_seeds(ROWS, SETTINGS)
    assert (prior["variant"], prior["seeds"], prior["reward"], prior["reward_low"]) == ("prior", 1, 0.0, None)
    assert (psi["variant"], psi["c"], psi["seeds"], psi["diverged"]) == ("psi", 0.5, 3, 0)
    assert (psi["reward"], psi["kl_sequence"]) == (6.0, 2.5)
    assert psi["kl_sequence_high"] == pytest.approx(2.5 + 4.302653 * 0.5 / math.sqrt(3))
    assert (g["variant"], g["seeds"], g["diverged"], g["reward"], g["reward_low"]) == ("g", 1, 1, 5.0, None)


def test_the_files(tmp_path):
    write_summary(ROWS, SETTINGS, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frontier.csv", "frontier.png", "summary.csv"]
    with open(tmp_path / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["variant"], r["seed"], r["reward"], r["status"]) for r in rows[2:4]] == [
        ("g", "0", "", "diverged"),
        ("psi", "1", "6", "done"),
    ]
    with open(tmp_path / "frontier.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["variant"], r["c"], r["seeds"], r["diverged"]) for r in rows] == [
        ("prior", "", "1", "0"),
        ("psi", "0.5", "3", "0"),
        ("g", "0.5", "1", "1"),
    ]


def test_the_table_for_the_terminal():
    lines = as_text(across_seeds(ROWS, SETTINGS), SETTINGS).splitlines()
    assert [line.split() for line in lines] == [
        ["variant", "c", "seeds", "reward", "kl_sequence", "objective"],
        ["prior", "-", "1", "0", "0", "-"],
        ["psi", "0.5", "3", "6", "±", "4.97", "2.5", "±", "1.24", "-"],
        ["g", "0.5", "1", "5", "3", "-"],
    ]


@pytest.mark.parametrize("rows", [ROWS, [PRIOR], [PRIOR, row("g", 0.5, 0, None, None, "diverged")]])
def test_the_plot_shows_what_there_is(tmp_path, rows):
    """The colour of psi is in the picture if, and only if, psi is."""
    write_summary(rows, SETTINGS, tmp_path)
    pixels = imread(tmp_path / "frontier.png")[..., :3]
    blue = np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=-1) < 0.01
    assert (blue.sum() > 100) == (rows is ROWS)


def test_runs_far_apart_are_all_in_the_plot(tmp_path, monkeypatch):
    """The limits hold every run, whatever the intervals; a very long interval does not squeeze the runs together."""
    from matplotlib.figure import Figure

    seen = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **more: seen.append(self.axes[0]))
    rows = [PRIOR, row("psi", 1.0, 0, 0.0, 1.0), row("psi", 1.0, 1, 100.0, 9.0)]
    write_summary(rows, SETTINGS, tmp_path)
    (left, right), (bottom, top) = seen[0].get_xlim(), seen[0].get_ylim()
    assert left < 0 and 9 < right < 2 * 9
    assert -100 < bottom < 0 and 100 < top < 200
    assert across_seeds(rows, SETTINGS)[1]["reward_high"] > 600


def picked(variant, c, seed, objective, picked_objective, bound):
    """A row with particles; `bound` is value, low and high of what populations say of log Z."""
    figures = row(variant, c, seed, 2.0 * c, 1.0) | interval("objective", objective, objective - 0.1, objective + 0.1)
    for name, value in (("reward", 3.0 * c), ("kl_sequence", 2.0), ("objective", picked_objective)):
        figures |= interval(f"picked_{name}", value, value - 0.5, value + 0.5)
    return figures | interval("picked_log_z_bound", *bound)


WITH_PARTICLES = [
    PRIOR,
    picked("prior", 1.0, None, 0.0, 3.0, (5.2, None, None)),  # too few effective draws: no bound to go by
    picked("prior", 2.0, None, 0.0, 3.0, (3.5, 3.0, 4.0)),
    picked("psi", 1.0, 0, 4.0, 4.5, (5.0, 4.9, 5.1)),
    picked("psi", 1.0, 1, 4.2, 4.7, (5.1, 4.8, 5.4)),
    picked("psi", 2.0, 0, 2.5, 3.0, (3.4, 3.3, 3.5)),
    row("g", 1.0, 0, None, None, "diverged"),
]


def test_gaps_to_the_surest_bound_at_each_c():
    rows = with_gaps(WITH_PARTICLES)
    assert [r["gap"] for r in rows[1:6]] == pytest.approx([5.0, 3.4, 1.0, 0.8, 0.9])
    assert [r["picked_gap"] for r in rows[1:6]] == pytest.approx([2.0, 0.4, 0.5, 0.3, 0.4])
    assert (rows[0]["gap"], rows[6]["gap"]) == (None, None)  # no c; no figures
    assert with_gaps(ROWS) == ROWS


def test_the_frontier_has_a_row_for_the_optimum_at_each_c():
    means = across_seeds(WITH_PARTICLES, SETTINGS)
    psi = next(mean for mean in means if (mean["variant"], mean["c"]) == ("psi", 1.0))
    assert (psi["gap"], psi["picked_gap"]) == pytest.approx((0.9, 0.4))
    assert psi["gap_high"] == pytest.approx(0.9 + 12.706205 * 0.1, abs=1e-5)
    one, two = (mean for mean in means if mean["variant"] == "optimum")
    assert (one["c"], one["reward"], one["kl_sequence"], one["objective"]) == (1.0, 3.0, 2.0, 4.5)
    assert (one["reward_low"], one["reward_high"], two["c"], two["reward"]) == (2.5, 3.5, 2.0, 6.0)
    assert one["picked_gap"] is None
    lines = as_text(means, SETTINGS).splitlines()
    assert lines[0].split()[-2:] == ["gap", "picked_gap"] and lines[-1].split()[:2] == ["optimum", "2"]


def test_the_files_with_particles(tmp_path, monkeypatch):
    """The black line of the optima is in the picture, and the columns are in the tables."""
    from matplotlib.figure import Figure

    lines = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **m: (lines.extend(self.axes[0].lines), save(self, *a, **m))
    )
    write_summary(WITH_PARTICLES, SETTINGS, tmp_path)
    assert [3.0, 6.0] in [sorted(line.get_ydata()) for line in lines if line.get_linestyle() == "-"]
    with open(tmp_path / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[4]["picked_gap"]) == pytest.approx(0.3)
    assert rows[0]["picked_reward"] == "" and rows[6]["gap"] == ""
    with open(tmp_path / "frontier.csv", newline="") as file:
        assert [r["variant"] for r in csv.DictReader(file)][-2:] == ["optimum", "optimum"]
