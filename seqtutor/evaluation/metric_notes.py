"""What the figures of `evaluate` are about, their units, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seqtutor.domains.statistics import MetricNote

REWARD, POLICY, VARIETY = "Reward", "Policy", "Variety"  # groups; a domain's own figures are between the last two
COMPONENT = "reward_"  # before the names of a reward's components

_GENERAL: dict[str, tuple[str, MetricNote]] = {
    "reward": (REWARD, MetricNote("a sequence", "higher")),
    "objective": (REWARD, MetricNote("nats a sequence", "higher")),
    "gap": (REWARD, MetricNote("nats a sequence", "lower")),
    "kl_optimum": (REWARD, MetricNote("nats a sequence", "lower")),
    "log_z": (REWARD, MetricNote("nats")),
    "log_z_bound": (REWARD, MetricNote("nats")),
    "log_z_upper": (REWARD, MetricNote("nats")),
    "effective": (REWARD, MetricNote("share of the draws", "higher")),
    "kl_sequence": (POLICY, MetricNote("nats a sequence", "lower")),
    "kl_token": (POLICY, MetricNote("nats a token", "lower")),
    "entropy": (POLICY, MetricNote("nats a token")),
    "nll_policy": (POLICY, MetricNote("nats a token")),
    "nll_prior": (POLICY, MetricNote("nats a token")),
    "length": (POLICY, MetricNote("tokens")),
    "unique": (VARIETY, MetricNote("share", "higher")),
    "novel": (VARIETY, MetricNote("share", "higher")),
    "diversity": (VARIETY, MetricNote("share", "higher")),
}


def grouped(
    names: Iterable[str], title: str, of_domain: Mapping[str, MetricNote]
) -> dict[str, dict[str, MetricNote]]:  # fmt: skip
    """Figures with their notes by group, in the order given within each; a group without figures is left out.

    Args: title: of the group of the domain's own; of_domain: their notes.
    """
    found: dict[str, dict[str, MetricNote]] = {name: {} for name in (REWARD, POLICY, title, VARIETY)}
    for name in names:
        group, note = _GENERAL.get(name, (title, of_domain.get(name, MetricNote(""))))
        if name.startswith(COMPONENT):
            group, note = REWARD, MetricNote("a sequence, before its weight")
        found[group][name] = note
    return {group: notes for group, notes in found.items() if notes}
