"""Transforms by hand."""

import numpy as np
import pytest

from seqtutor.domains.reward_terms import TRANSFORMS, Transform, clip, sigmoid, split, step


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


def test_a_term_is_a_component_and_its_transform():
    assert split("qed") == ("qed", None)
    assert split("logp@clip/-1/5") == ("logp", Transform("clip", (-1, 5)))
    assert split(" smarts([C@H](N)O) @ step / 1 ") == ("smarts([C@H](N)O)", Transform("step", (1,)))
    assert split("logp@step/1e-2")[1](np.array([0.009, 0.01])).tolist() == [0, 1]


@pytest.mark.parametrize("text", ["clip/-2/3", "sigmoid/-2/3", "sigmoid/3/-2", "step/0"])
def test_the_bounds_are_reached_and_kept(text):
    transform = split(f"x@{text}")[1]
    values = transform(np.linspace(-1e3, 1e3, 2001))
    assert (values.min(), values.max()) == transform.bounds


def test_the_names_are_those_of_the_functions():
    assert {"clip": clip, "sigmoid": sigmoid, "step": step} == TRANSFORMS
