"""The reward for a form, such as AABA: by hand, by its definition, and on melodies that grow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.domains.music import Music
from seqtutor.domains.music.form import form
from seqtutor.domains.music.reward import MusicTheory
from seqtutor.domains.reward_spec import make_reward
from seqtutor.domains.reward_terms import parse
from seqtutor.errors import UserError
from tests.domains.music.test_prefix_reward import assert_equal_to_the_batch
from tests.support.any_melodies import any_melodies

FORMS = ("AABA", "ABAC", "AA", "ABA", "AABBC", "XYYX")


def earned(text, letters):
    return form(Music().encode(text)[None], letters)[0].tolist()


def test_by_hand():
    """In the second A its four tokens equal those of the first but for one; of B one note is that of A, and a hold."""
    a, again, b = "C4 hold E4 off", "C4 hold G4 off", "C4 hold G4 A4"
    assert earned(f"{a} {again} {b} {a}", "AABA") == [0] * 4 + [1, 1, 0, 1] + [-1, 0, 0, 0] + [1] * 4
    assert earned(f"{a} {b} {a} {again}", "ABAC") == [0] * 4 + [-1, 0, 0, 0] + [1] * 4 + [-1, 0, -1, 0]
    assert earned(f"{a} {a} D4", "AA") == [0] * 4 + [1] * 4 + [0]  # what is left over belongs to no phrase
    assert earned("C4", "AA") == [0]


@given(tokens=any_melodies(), letters=st.sampled_from(FORMS))
def test_every_token_by_the_definition(tokens, letters):
    size = tokens.shape[1] // len(letters)
    expected = np.zeros(tokens.shape)
    for n, t in np.ndindex(*tokens.shape):
        phrase = t // size if size else len(letters)
        if phrase >= len(letters):
            continue
        place, firsts = t % size, {letters[p]: p for p in reversed(range(phrase))}
        same = {letter for letter, p in firsts.items() if tokens[n, p * size + place] == tokens[n, t]}
        if letters[phrase] in firsts:
            expected[n, t] = letters[phrase] in same
        else:
            expected[n, t] = -1 if same and tokens[n, t] >= 2 else 0
    np.testing.assert_array_equal(form(tokens, letters), expected)


@given(tokens=any_melodies(), letters=st.sampled_from(FORMS))
def test_growing_melodies_earn_the_same(tokens, letters):
    spec = f"form({letters}):2,music-theory:0.5,form(ABAC)@clip/0/1,leaps"
    assert_equal_to_the_batch(MusicTheory(parse(spec.replace(",form(ABAC)@clip/0/1", ""), Music.reward_names)), tokens)
    assert_equal_to_the_batch(MusicTheory(parse(spec, Music.reward_names)), tokens)


def test_it_is_a_component_of_its_own():
    """It is no part of music-theory, and stands beside it with its letters as its name."""
    reward = make_reward(Music(), "music-theory,form(AABA):3,form(ABAC)")
    tokens = np.tile(Music().encode("C4 D4 E4 F4 G4 A4 B4 C5"), 4)[None].astype(np.int32)
    scored, plain = (each(tokens, np.array([32])) for each in (reward, make_reward(Music(), "music-theory")))
    assert reward.names[-2:] == ("form(AABA)", "form(ABAC)")
    assert scored.components["form(AABA)"].sum() == 16 - 8
    assert scored.components["form(ABAC)"].sum() == -8 + 8 - 8
    np.testing.assert_allclose(scored.total.sum(), plain.total.sum() + 3 * 8 - 8, rtol=1e-6)


@pytest.mark.parametrize("letters", ["A", "ABCD", "aaba", "A A", "AABA1", "A" * 17])
def test_letters_that_are_no_form(letters):
    with pytest.raises(UserError, match=r"give 2 to 16 capital letters, one of them twice, as form\(AABA\)"):
        make_reward(Music(), f"form({letters})")
    with pytest.raises(UserError, match=r"write form\(LETTERS\)"):
        make_reward(Music(), "form")
