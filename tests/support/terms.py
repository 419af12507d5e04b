"""Terms of a reward, written shortly in tests."""

from dataclasses import replace

from seqtutor.domains.reward_terms import Term


def terms(weights):
    """The terms of {"logp@clip/0/5": 2.0, ...}."""
    return tuple(replace(Term.parse(text), weight=float(weight)) for text, weight in weights.items())
