"""The tables of docs/results.md: what stands in their columns, what is to be reached, and what the paper printed."""

from __future__ import annotations

from collections.abc import Sequence

from reproduce_results import MINUTES

from seqtutor.sweeps.frontier import PRIOR

Columns = Sequence[tuple[str, str]]  # metric, the column's name; one with % is in per cent
_PICKED: Columns = (
    ("picked_reward", "reward"), ("picked_kl_sequence", "KL a sequence"), ("picked_objective", "objective"),
    ("picked_gap", "gap"),
)  # fmt: skip
TABLES: dict[str, tuple[str, Columns]] = {
    "melodies_effort": ("music", (
        ("reward", "reward"), ("kl_token", "KL a token"), ("kl_sequence", "KL a sequence"), ("objective", "objective"),
        ("gap", "gap"), (MINUTES, "minutes"),
    )),
    "melodies_particles": ("music", (*_PICKED, ("picked_unique", "distinct (%)"))),
    "melodies_picked": ("music", (
        ("picked_repeated_notes", "repeated notes (%)"), ("picked_starts_with_tonic", "tonic first (%)"),
        ("picked_leaps_resolved", "leaps resolved (%)"), ("picked_in_motif", "in motif (%)"),
        ("picked_in_repeated_motif", "in repeated motif (%)"), ("picked_unique_highest", "highest unique (%)"),
        ("picked_unique_lowest", "lowest unique (%)"),
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
        ("gap", "gap"), (MINUTES, "minutes"),
    )),
    "molecules_particles": ("molecules", (*_PICKED, ("picked_valid", "valid (%)"), ("picked_unique", "unique (%)"))),
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
    ("in_motif", "in a motif over 70 %", 0.7, False),
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
