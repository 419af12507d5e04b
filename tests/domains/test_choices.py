"""Files of choices: what is read, what is refused, and that a taste is learned from them."""

import numpy as np
import pytest

from seqtutor.domains import make_domain
from seqtutor.domains.choices import fit_choices, read_choices
from seqtutor.domains.reward_spec import built_in, file_of, make_reward, of_ratings
from seqtutor.errors import UserError

MUSIC = make_domain({"name": "music", "length": 16})
UP, DOWN = "C4 D4 E4 F4 G4 A4 B4 C5", "C5 B4 A4 G4 F4 E4 D4 C4"


def written(folder, rows, head="left,right,better", separator=","):
    path = folder / "ratings.csv"
    path.write_text("\n".join([head, *(separator.join(row) for row in rows), ""]))
    return path


def error_of(path, function=read_choices):
    with pytest.raises(UserError) as error:
        function(path)
    return str(error.value)


def test_rows_as_the_page_or_a_spreadsheet_saves_them(tmp_path):
    found = read_choices(written(tmp_path, [(UP, DOWN, "left"), (DOWN, UP, ""), (UP, UP, "Right")]))
    assert [(each.left, each.better) for each in found] == [(UP, "left"), (DOWN, ""), (UP, "right")]
    again = written(tmp_path, [("left", f'"{DOWN}"', UP, "x")], "\ufeffBetter;Right;Left;note", ";")
    (only,) = read_choices(again)
    assert only == (UP, DOWN, "left", f"{again}:2")


def test_what_is_refused_with_its_line(tmp_path):
    assert "has no columns left, right, better" in error_of(written(tmp_path, [], "a,b"))
    assert "ratings.csv:3: better is 'maybe'" in error_of(written(tmp_path, [(UP, DOWN, "left"), (UP, DOWN, "maybe")]))
    assert "ratings.csv:2: too few cells" in error_of(written(tmp_path, [(UP, DOWN)]))
    few = written(tmp_path, [(UP, DOWN, "left")] * 9 + [(UP, DOWN, "")] * 9)
    assert "has 9 choices between two; give 10 or more" in error_of(few, lambda path: fit_choices(MUSIC, path))
    for wrong in ("C4 X4", ""):
        bad = written(tmp_path, [(UP, DOWN, "left")] * 9 + [(UP, wrong, "left")])
        assert "ratings.csv:11: " in error_of(bad, lambda path: fit_choices(MUSIC, path))
    chain = make_domain({"name": "chain"})
    toy = written(tmp_path, [(chain.decode(chain.every()[0]), chain.decode(chain.every()[1]), "left")] * 10)
    assert "sequences of domain 'chain' cannot be rated" in error_of(toy, lambda path: fit_choices(chain, path))


def rated(folder, like, count=80):
    """Choices of a rater who prefers the melody with the larger `like`, of random ones; neither of equal ones."""
    rng = np.random.default_rng(3)
    texts = [MUSIC.decode(row) for row in rng.integers(2, 38, (2 * count, 16))]
    likes = list(map(like, texts))
    better = [("left", "", "right")[1 + (a < b) - (a > b)] for a, b in zip(likes[::2], likes[1::2], strict=True)]
    return written(folder, zip(texts[::2], texts[1::2], better, strict=True))


def test_a_taste_for_high_notes_becomes_a_reward(tmp_path, caplog):
    path = rated(tmp_path, lambda text: sum(symbol.endswith("5") for symbol in text.split()))
    found = fit_choices(MUSIC, path)
    assert 60 < found.num < 80 and found.accuracy.value > 0.85 and found.tells
    assert max(found.weights, key=found.weights.get) == "octave: C5 to B5"
    reward = make_reward(MUSIC, str(path))
    tokens = np.stack([MUSIC.encode(UP + " off" * 8), MUSIC.encode(UP.replace("4", "5") + " off" * 8)])
    low, high = reward(tokens, np.full(2, 16, np.int32)).total.sum(axis=1)
    assert high > low + 3 and not caplog.messages
    assert not built_in(str(path)) and of_ratings(str(path)) and file_of(str(path)) == path
    assert built_in("motif:2") and not of_ratings("command:score a.csv")


def test_choices_at_random_are_told(tmp_path, caplog):
    rng = np.random.default_rng(1)
    make_reward(MUSIC, str(rated(tmp_path, lambda text: rng.random())))
    assert "80 choices, of which" in caplog.messages[0] and "rate more" in caplog.messages[0]
