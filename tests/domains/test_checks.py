"""`check_domain`: the domains of seqtutor and the example pass; a broken one is told which rule it breaks."""

import numpy as np
import pytest
import tensorflow as tf

import seqtutor as st
from seqtutor.domains import domain_class
from seqtutor.domains.lookahead import Lookahead, Seen
from seqtutor.domains.rewards import PrefixReward, Rewards
from seqtutor.errors import UserError
from seqtutor.stats.estimate import Estimate
from tests.support.places import ROOT
from tests.support.toy import LetterReward, LetterStatistics, Toy

TEXTS = {
    "chain": ["aabbcc", "abcabc"],
    "molecules": ["CCO", "c1ccccc1Cl", "CC(=O)N"],
    "music": ["C4 hold E4 hold " + "off " * 28],
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_domains_that_come_with_it_pass(name):
    st.check_domain(domain_class(name)(), TEXTS[name])


def test_the_example_passes(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "towns"))
    from seqtutor_towns import Towns

    st.check_domain(Towns(), (ROOT / "examples" / "towns" / "towns.txt").read_text(encoding="utf-8").split()[:50])


def test_texts_are_needed():
    with pytest.raises(UserError, match="needs texts"):
        st.check_domain(Toy(), [])


def with_reward(change):
    """A toy domain whose reward is changed by a function of (tokens, lengths, total)."""

    class Changed(LetterReward):
        def __call__(self, tokens, lengths):
            found = super().__call__(tokens, lengths)
            return Rewards(change(tokens, lengths, found.total), found.components)

    return with_(reward=lambda self, terms: Changed(self, terms))


def with_(**members):
    """A toy domain with other members."""
    return type("Broken", (Toy,), members)()


class Longer(LetterReward):
    """Its prefixes earn one more."""

    def prefix(self, n, length):
        class Grown(PrefixReward):
            def step(self, tokens):
                return np.full(len(tokens), 7.0, np.float32)

            def select(self, index):
                pass

        return Grown()


class Bounded(LetterReward):
    """Says that it is at most 0."""

    def most(self, length):
        return 0.0


class Counting(LetterReward):
    """Remembers calls, and says nothing of it."""

    calls = 0

    def __call__(self, tokens, lengths):
        Counting.calls += 1
        found = super().__call__(tokens, lengths)
        return Rewards(found.total * Counting.calls, found.components)


class Halved(LetterReward):
    """Its shares are half of what it gives."""

    def shares(self, tokens, lengths):
        return {"half": self(tokens, lengths).total / 2}


class Looking(LetterReward):
    """Knows less of the next token than its lookahead says."""

    def lookahead(self, length, c):
        class Narrow(Lookahead):
            sizes, width = (1,), 7

            def advance(self, tokens, state):
                return state

            def look(self, state):
                return Seen(tf.zeros([len(state[0]), 5]), tf.zeros([len(state[0]), 3]))

        return Narrow()


class Batches(LetterStatistics):
    """Counts its batches."""

    def update(self, tokens, lengths):
        self.batches = getattr(self, "batches", 0) + 1
        super().update(tokens, lengths)

    def result(self):
        return {"batches": Estimate(float(self.batches), None, None, 1)}


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (with_(decode=lambda self, tokens: "a" * len(tokens)), "other tokens than those of 'bad'"),
        (with_(decode=lambda self, tokens: 3), "is not a text"),
        (with_(decode=lambda self, tokens: 1 / 0), r"decode\(.*\) raises ZeroDivisionError"),
        (with_(encode=lambda self, text: np.array([0], np.int64)), "not a row of int32"),
        (with_(encode=lambda self, text: np.array([1], np.int32)), "does not end with the end token"),
        (with_(identities=lambda self, tokens, lengths: []), "identities are not one a sequence"),
        (with_(valid=lambda self, tokens, lengths: [True]), "valid is not an array"),
        (with_reward(lambda tokens, lengths, total: total + 1), "after a sequence's end is not 0"),
        (with_reward(lambda tokens, lengths, total: total[:, :1]), "not \\[N, T\\]"),
        (with_reward(lambda tokens, lengths, total: total.astype(float)), "rewards are float64"),
        (with_reward(lambda tokens, lengths, total: total * np.float32(np.nan)), "not finite"),
        (with_reward(lambda tokens, lengths, total: total * len(tokens)), "rest of the batch"),
        (with_reward(lambda tokens, lengths, total: total * tokens.shape[1]), "depends on the padding"),
        (with_(reward=lambda self, terms: Longer(self, terms)), "a prefix earns another reward than token 0"),
        (with_(reward=lambda self, terms: Bounded(self, terms)), "above its bound, most = 0"),
        (with_(reward=lambda self, terms: Counting(self, terms)), "differs in a second call"),
        (with_(allowed=np.ones(3, bool)), "allowed is not an array bool"),
        (with_(allowed=np.zeros(5, bool)), "no token is allowed"),
        (with_(allowed=np.arange(5) > 0), "the end token is not allowed"),
        (with_(reward=lambda self, terms: Halved(self, terms)), "shares of a reward do not sum"),
        (with_(reward=lambda self, terms: Looking(self, terms)), "features of a lookahead are not"),
        (with_(statistics=lambda self, reference, seed: Batches(self, reference)), "statistic batches depends"),
    ],
)  # fmt: skip
def test_a_broken_domain_is_told_the_rule(domain, says):
    with pytest.raises(UserError, match=says) as caught:
        st.check_domain(domain, ["bad", "cab", "abba"])
    assert str(caught.value).startswith("domain 'toy' breaks a rule: ")
