"""Children of the best: new ones only, within the calls, in the memory and best.csv, and to the bit after a resume."""

import numpy as np
import pytest

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.tuning.tuner import Tuner
from tests.support.terms import terms
from tests.support.toy import Toy


class Breeding(Toy):
    """Words whose children are the beginning of one and the end of another, or words with a letter no prior knows."""

    has_children = True

    def child(self, texts, rng):
        first, second = (texts[at] for at in rng.integers(0, len(texts), 2))
        if not first:
            return None
        return first + "e" if rng.random() < 0.2 else first[: rng.integers(1, len(first) + 1)] + second


WORDS = Breeding().with_vocabulary("abcd")


def tuner_of(domain=WORDS, primer="start", **settings):
    tune = TuneConfig(
        **{"variant": "dap", "batch": 4, "best": 8, "best_batch": 3, "offspring": 5, "primer": primer, **settings}
    )
    config = Config(domain={"name": "toy"}, model=ModelConfig(units=4), tune=tune)
    return Tuner(config, domain, SequenceModel(config.model, domain.vocabulary.size), domain.reward(terms({"a": 1})))


def texts_of(whole):
    return [WORDS.decode(row[:length]) for row, length in zip(whole.tokens, whole.lengths, strict=True)]


def test_children_are_new_and_are_judged_as_what_is_drawn(monkeypatch):
    tuner, scored, children = tuner_of(), set(), []
    breed, keep = tuner._breeder.draw, tuner._keep

    def noted(*args):
        drawn = breed(*args)
        children.append([] if drawn is None else texts_of(drawn.whole))
        assert len(set(children[-1])) == len(children[-1]) <= 5 and not scored & set(children[-1])
        if drawn is not None:
            inside = np.arange(6) < drawn.whole.lengths[:, None]
            both = tuner.policy.log_probs(drawn.whole.tokens, np.zeros((len(inside), 0), np.int32))
            for got, right in zip((drawn.whole.log_prob, drawn.whole.log_prior), both, strict=True):
                np.testing.assert_allclose(got, np.where(inside, right, 0), atol=1e-5)
        return drawn

    def kept(number, drawn, rewards, memory):
        scored.update(texts_of(drawn.whole))
        return keep(number, drawn, rewards, memory)

    monkeypatch.setattr(tuner._breeder, "draw", noted)
    monkeypatch.setattr(tuner, "_keep", kept)
    rows = [tuner.round(number)[0] for number in range(4)]
    assert [row["offspring"] for row in rows] == list(map(len, children)) and sum(map(len, children)) > 3
    assert rows[-1]["calls"] == len(scored) and rows[-1]["drawn"] == 16
    best = sorted((text.count("a") for text in scored), reverse=True)[:8]
    assert tuner._memories[0].state()["total"].tolist() == best == tuner.best.state()["total"].tolist()


def test_no_more_calls_than_there_are():
    tuner = tuner_of(calls=9)
    rows = [tuner.round(number)[0] for number in range(3) if not tuner.calls.spent]
    assert rows[-1]["calls"] == 9


def test_a_resumed_run_equals_the_unbroken_one():
    whole, first, second = (tuner_of() for _ in range(3))
    for number in range(5):
        row = whole.round(number)[0]
    for number in range(3):
        first.round(number)
    second.restore(first.snapshot(3))
    for number in range(3, 5):
        assert second.round(number)[0].keys() == row.keys()
    one, other = whole.snapshot(5).arrays, second.snapshot(5).arrays
    assert one.keys() == other.keys()
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key], err_msg=key)


def test_settings_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"tune\.best_batch"):
        TuneConfig(offspring=4)
    with pytest.raises(ValueError, match=r"tune\.best_updates needs"):
        TuneConfig(best_updates=4)
    with pytest.raises(UserError, match=r"have no children; leave tune\.offspring at 0"):
        tuner_of(Toy().with_vocabulary("ab"))
    with pytest.raises(UserError, match=r"leave tune\.primer at start"):
        tuner_of(primer="a")
