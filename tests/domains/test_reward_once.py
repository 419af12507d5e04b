"""A user's function of molecules: called once for each, never for what is none, the same after a restart."""

import numpy as np
import pytest

from seqtutor.domains import domain_class
from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError


@pytest.fixture
def domain():
    return domain_class("molecules")({"length": 12}).with_vocabulary("CNO(=)1c")


def encoded(domain, *texts):
    """Texts as tokens and lengths; the last is cut before its end."""
    rows = [domain.encode(text) for text in texts]
    tokens = np.zeros((len(rows), domain.length), np.int32)
    for place, row in zip(tokens, rows, strict=True):
        place[: len(row)] = row
    return tokens, np.array([len(row) for row in rows], np.int32)


class Asked:
    """What a function was asked for, its trial left out."""

    def __init__(self, function, **said):
        self.function, self.texts, self.__name__ = function, [], "mine"
        vars(self).update(said)

    def __call__(self, tokens, texts):
        self.texts.append(list(texts))
        return self.function(tokens, texts)


def rewarded(domain, function, *texts):
    reward = make_reward(domain, function)
    function.texts.clear()
    return reward, reward(*encoded(domain, *texts)).total.sum(axis=1).tolist()


def sizes(tokens, texts):
    return [float(len(text)) for text in texts]


def test_spellings_of_one_molecule_are_scored_once_and_invalid_ones_never(domain):
    mine = Asked(sizes)
    reward, totals = rewarded(domain, mine, "CCO", "OCC", "C(", "N", "", "CCO")
    assert mine.texts == [["CCO", "N"]]
    assert totals == [3, 3, 0, 1, 0, 3]
    assert reward(*encoded(domain, "C(O)C", "N", "1")).total.sum(axis=1).tolist() == [3, 1, 0]
    assert len(mine.texts) == 1
    other = make_reward(domain, mine)
    mine.texts.clear()
    other.restore(reward.state())
    assert other(*encoded(domain, "OCC", "O", "N")).total.sum(axis=1).tolist() == [3, 1, 1]
    assert mine.texts == [["O"]]
    for name, array in make_reward(domain, sizes).state().items():
        assert array.size == 0, name


def test_numbers_of_tokens_belong_to_the_text(domain):
    mine = Asked(lambda tokens, texts: (tokens == domain.vocabulary.ids("O")[0]) * 2.0)
    reward, totals = rewarded(domain, mine, "CCO", "OCC", "CCO", "O(")
    assert mine.texts == [["CCO", "OCC"]] and totals == [2, 2, 2, 0]
    saved = reward.state()
    reward.restore(saved)
    total = reward(*encoded(domain, "OCC", "CCO")).total
    assert total[0, :4].tolist() == [2, 0, 0, 0] and total[1, :4].tolist() == [0, 0, 2, 0]
    assert len(mine.texts) == 1


def test_it_is_tried_on_molecules_that_the_vocabulary_knows(domain):
    mine = Asked(sizes)
    make_reward(domain, mine)
    assert mine.texts == [["CCO", "CC(=O)O", "c1ccccc1", "CC(C)N", "CN1CCOCC1"]]


def test_what_an_invalid_one_earns_can_be_said(domain):
    assert rewarded(domain, Asked(sizes, invalid=-2), "C(", "C")[1] == [-2, 1]
    with pytest.raises(UserError, match=r"mine\.invalid is 'no'; give a finite number"):
        make_reward(domain, Asked(sizes, invalid="no"))


def test_less_for_a_molecule_than_for_none_is_told_once(domain, capsys):
    reward, totals = rewarded(domain, Asked(lambda tokens, texts: [-3.0] * len(texts)), "C", "C(")
    assert totals == [-3, 0]
    reward(*encoded(domain, "N"))
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "mine gave a valid sequence -3, less than the 0" in said
    rewarded(domain, Asked(lambda tokens, texts: [-3.0] * len(texts), invalid=0), "C")
    assert capsys.readouterr().err == ""


def test_one_that_says_it_is_causal_is_asked_for_everything(domain):
    mine = Asked(lambda tokens, texts: np.ones(tokens.shape), causal=True)
    _, totals = rewarded(domain, mine, "C(", "C(", "CCO")
    assert mine.texts == [["C(", "C(", "CCO"]] and totals == [3, 3, 4]
