"""Transforms by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.domains.reward_terms import (
    TRANSFORMS,
    Term,
    Transform,
    between,
    clip,
    decay,
    double_sigmoid,
    sigmoid,
    step,
    values,
)
from seqtutor.errors import UserError


def test_clip():
    np.testing.assert_array_equal(clip(np.array([-9, -1, 0, 4.5, 5, 9]), -1, 4.5), [-1, -1, 0, 4.5, 4.5, 4.5])


def test_step():
    np.testing.assert_array_equal(step(np.array([-1, 139.9, 140, 141]), 140), [0, 0, 1, 1])


def test_sigmoid_between_its_numbers():
    """19^-z is 19, 1 and 1/19 at z = -1, 0 and 1; and 19^(-1/2) half-way up."""
    x = np.array([300.0, 350, 400, 450, 500])
    expected = [1 / 20, 1 / (1 + 19**0.5), 1 / 2, 1 / (1 + 19**-0.5), 19 / 20]
    np.testing.assert_allclose(sigmoid(x, 300, 500), expected, rtol=1e-12)
    np.testing.assert_allclose(sigmoid(x, 500, 300), expected[::-1], rtol=1e-12)
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e9, 1e9]), 0, 1).tolist() == [0, 1]


def test_double_sigmoid():
    """10^(-1) and so on at one unit from 2, with rise 1, and at half a unit from 8, with fall 2; the middle is 5."""
    found = double_sigmoid(np.array([1, 2, 4.9, 5, 8, 8.5]), 2, 8, 1, 2)
    expected = [1 / 11, 1 / 2, 1 / (1 + 10**-2.9), 1 / (1 + 10**-6), 1 / 2, 1 / 11]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with np.errstate(all="raise"):
        assert double_sigmoid(np.array([-1e9, 50, 1e9]), 0, 100, 1, 1).tolist() == [0, 1, 0]


def test_between_decay_and_values():
    np.testing.assert_array_equal(between(np.array([1.9, 2, 2.5, 3, 3.1]), 2, 3), [0, 1, 1, 1, 0])
    np.testing.assert_allclose(decay(np.array([-5, 0, np.log(2), 1e9]), 2), [1, 1, 1 / 4, 0])
    np.testing.assert_array_equal(values(np.array([0, 1, 2, 0.5]), 0, 1, 2, -3), [1, 0, -3, 0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x@between/2/2", "in between/LOW/HIGH LOW must be below HIGH"),
        ("x@double_sigmoid/3/2/1/1", "LOW must be below HIGH"),
        ("x@double_sigmoid/2/3/1/0", "RISE and FALL must be above 0"),
        ("x@double_sigmoid/2/3/1", "write double_sigmoid/LOW/HIGH/RISE/FALL"),
        ("x@decay/0", "RATE must be above 0"),
        ("x@values/1", "write values/X1/Y1/X2/Y2/..."),
        ("x@values", "write values/X1/Y1/X2/Y2/..."),
        ("x@values/1/2/1/3", "each X may be there once"),
        ("x@sigmoid/1/1", "LOW must be another than HIGH"),
        ("x@clip/2/1", "LOW must be below HIGH"),
    ],
)
def test_numbers_that_make_no_transform(text, said):
    with pytest.raises(UserError) as caught:
        Term.parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("qed", Term("qed")),
        ("logp@clip/-1/5:2", Term("logp", "", Transform("clip", (-1, 5)), 2.0)),
        (" smarts([C@H:1](N)O) @ step / 1 : -0.5 ", Term("smarts", "[C@H:1](N)O", Transform("step", (1,)), -0.5)),
    ],
)
def test_a_term_is_parsed_and_written(text, term):
    assert Term.parse(text) == term
    assert Term.parse(str(term)) == term


NUMBERS = st.floats(-1e30, 1e30)


@given(
    st.sampled_from(["qed", "smarts"]), st.text("C[=]:@O,1(", max_size=5), st.sampled_from(["clip", "sigmoid", "step"]),
    NUMBERS, NUMBERS, NUMBERS,
)  # fmt: skip
def test_what_is_written_is_read_back(kind, argument, name, a, b, weight):
    low, high = sorted((a, b))
    if low == high:
        return
    numbers = (low,) if name == "step" else (low, high)
    for transform in (None, Transform(name, numbers)):
        term = Term(kind, argument, transform, weight)
        assert Term.parse(str(term)) == term


def test_a_transform_is_applied():
    assert Term.parse("logp@step/1e-2").transform(np.array([0.009, 0.01])).tolist() == [0, 1]


@pytest.mark.parametrize("text", [
    "clip/-2/3", "sigmoid/-2/3", "sigmoid/3/-2", "step/0", "double_sigmoid/-100/100/1/1", "between/-2/2", "decay/3",
    "values/1/-2/2/5", "values/1/3",
])  # fmt: skip
def test_the_bounds_are_reached_and_kept(text):
    transform = Term.parse(f"x@{text}").transform
    values = transform(np.linspace(-1e3, 1e3, 2001))
    assert (values.min(), values.max()) == transform.bounds


def test_the_names_are_those_of_the_functions():
    named = (clip, sigmoid, double_sigmoid, step, between, decay, values)
    assert {function.__name__: function for function in named} == TRANSFORMS
