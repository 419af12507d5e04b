"""The grid of a sweep: which points there are, in which order, and what they are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor import config
from seqtutor.errors import UserError
from seqtutor.sweeps.grid import Point, grid, split


def test_every_combination_once_and_one_seed_after_the_other():
    points = grid(["psi", "g"], [0.5, 2.0], [3, 4], {"tune.rounds": [10, 20]})
    assert [point.name for point in points] == [
        "psi-c0.5-rounds10-seed3",
        "psi-c2-rounds10-seed3",
        "psi-c0.5-rounds20-seed3",
        "psi-c2-rounds20-seed3",
        "g-c0.5-rounds10-seed3",
        "g-c2-rounds10-seed3",
        "g-c0.5-rounds20-seed3",
        "g-c2-rounds20-seed3",
        "psi-c0.5-rounds10-seed4",
        "psi-c2-rounds10-seed4",
        "psi-c0.5-rounds20-seed4",
        "psi-c2-rounds20-seed4",
        "g-c0.5-rounds10-seed4",
        "g-c2-rounds10-seed4",
        "g-c0.5-rounds20-seed4",
        "g-c2-rounds20-seed4",
    ]
    assert points[2] == Point("psi", 0.5, 3, {"tune.rounds": 20})


def test_a_point_changes_the_config_to_its_own():
    point = Point("rl-only", 0.25, 7, {"tune.exploration": "epsilon-greedy", "sample.temperature": 0.5})
    before = config.from_tree({"domain": {"name": "chain"}}, "test")
    after = config.changed(before, point.settings, "test")
    assert (after.tune.variant, after.tune.c, after.seed) == ("rl-only", 0.25, 7)
    assert (after.tune.exploration, after.sample.temperature) == ("epsilon-greedy", 0.5)
    assert point.name == "rl-only-c0.25-explorationepsilon-greedy-temperature0.5-seed7"


def test_names_are_plain_folders_and_say_which_of_two_settings():
    point = Point("q", 1.0, 0, {"tune.batch": 8, "sample.batch": 16, "tune.primer": "../C 4"})
    assert point.name == "q-c1-tune.batch8-sample.batch16-primer.._C_4-seed0"
    assert point.texts == {"tune.batch": "8", "sample.batch": "16", "tune.primer": "../C 4"}


@pytest.mark.parametrize(
    ("item", "values"),
    [
        ("a.b=1,2.5,x", [1, 2.5, "x"]),
        ("a.b=true, false", [True, False]),
        ("a.b=[64,32],[16]", [[64, 32], [16]]),
        ("a.b=r.py:f,r.py:g", ["r.py:f", "r.py:g"]),
        ('a.b="C4,E4",start', ["C4,E4", "start"]),
    ],
)
def test_commas_make_several_values(item, values):
    assert split([item]) == ((), {"a.b": values})


@pytest.mark.parametrize(
    "item", ["a.b=1", "a.b=[64,32]", 'a.b="C4,E4"', "a.b=", "a.b", "a.b=]", "a.b=1],[2", "a.b=2020-01-01"]
)
def test_what_is_no_list_of_values_is_left_as_it_is(item):
    assert split([item]) == ((item,), {})


def test_the_last_setting_of_a_key_counts():
    assert split(["a=1,2", "b=3", "a=4"]) == (("b=3", "a=4"), {})
    assert split(["a=1", "a=2,3"]) == ((), {"a": [2, 3]})


@given(st.dictionaries(st.sampled_from(["s.x", "t.x", "t.y"]), st.lists(st.integers(0, 5), min_size=1, unique=True)))
def test_no_two_points_share_a_folder(swept):
    names = [point.name for point in grid(["q", "g"], [1.0, 2.0], [0, 1], swept)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("cs", "swept"), [([1.0, 1.0], {}), ([1.0], {"tune.primer": ["a b", "a?b"]}), ([1.0, 1.00000001], {})]
)
def test_points_of_one_name_are_refused(cs, swept):
    with pytest.raises(UserError, match=r"two points of the sweep are psi-c1-.*seed0; give each value once"):
        grid(["psi"], cs, [0], swept)
