"""What a reward spec means, and what a user's file may do wrong."""

import re

import numpy as np
import pytest

from seqtutor.domains import domain_class
from seqtutor.domains.reward_function import TRIAL, trial
from seqtutor.domains.reward_spec import built_in, make_reward
from seqtutor.domains.reward_terms import parse
from seqtutor.errors import UserError
from tests.support.terms import terms


@pytest.fixture
def domain(words):
    return domain_class("words")({"length": 4}).with_vocabulary("abc")


@pytest.fixture
def write(tmp_path):
    def make(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


TOKENS = np.array([[1, 2, 0, 0], [3, 1, 1, 1]], np.int32)  # ab. and caaa
LENGTHS = np.array([3, 4], np.int32)


@pytest.mark.parametrize(
    ("spec", "weights"),
    [("qed", {"qed": 1}), ("qed:2,sa:1", {"qed": 2, "sa": 1}), (" sa : -0.5 , qed", {"sa": -0.5, "qed": 1})],
)
def test_names_and_weighted_sums(spec, weights):
    assert parse(spec, ["qed", "sa", "logp"]) == terms(weights)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("qde", "did you mean qed"), ("qed:2,s", "did you mean sa"), ("", "unknown reward"), ("qed:", "'' stands|''"),
        ("qed:much", "'much'"), ("qed:nan", "'nan'"), ("qed:inf", "'inf'"), ("qed,qed", "twice"),
    ],
)  # fmt: skip
def test_a_bad_spec_is_explained_in_one_line(spec, says):
    with pytest.raises(UserError, match=says) as caught:
        parse(spec, ["qed", "sa"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "weights"),
    [
        ("logp@clip/0/5:2,sa", {"logp@clip/0/5": 2, "sa": 1}),
        (" logp@step/-1.5 , logp : 3", {"logp@step/-1.5": 1, "logp": 3}),
        ("smarts([CH3:1][N,O]):-2,smarts(C(=O)O)@step/1", {"smarts([CH3:1][N,O])": -2, "smarts(C(=O)O)@step/1": 1}),
        ("smarts(C[C@H](N)O)@clip/0/1:2", {"smarts(C[C@H](N)O)@clip/0/1": 2}),
    ],
)
def test_terms_with_transforms_and_arguments(spec, weights):
    assert parse(spec, ["logp", "sa", "smarts(PATTERN)"]) == terms(weights)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("qed@clamp/0/1", "unknown transform 'clamp' in reward 'qed@clamp/0/1'; did you mean clip"),
        ("qed@", "unknown transform ''"), ("qed@clip", "write clip/LOW/HIGH"), ("qed@clip/0/1/2", "clip/LOW/HIGH"),
        ("qed@step/x:2", "'qed@step/x': write step/AT"), ("qed@sigmoid/1/1", "LOW must be another than HIGH"),
        ("qed@clip/2/1", "LOW must be below HIGH"), ("qed@step/nan", "write step/AT"), ("qed@step/inf", "step/AT"),
        ("smarts", r"write smarts\(PATTERN\)$"), ("qed(C)", r"write qed, not qed\(C\)"),
        ("smart(C)", "did you mean smarts"), ("smarts(C", "a parenthesis is not closed"),
        ("qed),sa", "one parenthesis too many"), ("qed@step/0.5,qed@step/.5", "twice"), ("smarts(C)N", "write name"),
    ],
)  # fmt: skip
def test_a_bad_term_is_explained_in_one_line(spec, says):
    with pytest.raises(UserError, match=says) as caught:
        parse(spec, ["qed", "sa", "smarts(PATTERN)"])
    assert "\n" not in str(caught.value)


def test_a_transformed_component_is_reported_as_it_is(domain):
    reward = make_reward(domain, "a@sigmoid/1/0:2,b@step/1,b:-1")
    total, components = reward(TOKENS, LENGTHS)  # ab. and caaa: b earns 1 - 1
    np.testing.assert_allclose(total, [[0.1, 1.9, 1.9, 0], [1.9, 0.1, 0.1, 0.1]], rtol=1e-6)  # nothing behind the end
    assert reward.names == ("a", "b") == tuple(components)
    np.testing.assert_array_equal(components["a"], [[1, 0, 0, 0], [0, 1, 1, 1]])


def test_an_empty_spec_is_the_default_and_weights_add_up(domain):
    assert make_reward(domain, "").names == ("a",)
    scored = make_reward(domain, "a:2,b:-3")(TOKENS, LENGTHS)
    np.testing.assert_array_equal(scored.total, [[2, -3, 0, 0], [0, 2, 2, 2]])


def test_only_a_file_is_executed():
    assert built_in("qed:2,sa:1") and built_in("") and built_in("music-theory")
    assert not built_in("some/where.py:f")


def test_a_number_a_sequence_is_the_reward_of_its_last_token(domain, write):
    path = write("def size(tokens, texts):\n    return [len(text) for text in texts]\n")
    reward = make_reward(domain, f"{path}:size")
    scored = reward(TOKENS, LENGTHS)
    np.testing.assert_array_equal(scored.total, [[0, 0, 2, 0], [0, 0, 0, 4]])
    assert reward.names == ("size",) == tuple(scored.components)


def test_a_number_a_token_counts_up_to_the_end(domain, write):
    path = write("def ids(tokens, texts):\n    tokens += 1\n    return tokens\n")
    tokens = TOKENS.copy()
    np.testing.assert_array_equal(
        make_reward(domain, f"{path}:ids")(tokens, LENGTHS).total, [[2, 3, 1, 0], [4, 2, 2, 2]]
    )
    np.testing.assert_array_equal(tokens, TOKENS)  # whatever the function does to its argument


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "def f(tokens, texts):\n    return 1\n",
            r"shape \(\) for 8 .*of shape \(8,\), one .*or \(8, 4\), one a token",
        ),
        ("def f(tokens, texts):\n    return [1]\n", r"returned shape \(1,\)"),
        ("def f(tokens, texts):\n    return tokens.T\n", r"returned shape \(4, 8\)"),
        ("def f(tokens, texts):\n    pass\n", r"returned nothing; return numbers of shape"),
        ("def f(tokens, texts):\n    return tokens * float('nan')\n", "f returned nan for '.*'; return finite numbers"),
        ("def f(tokens, texts):\n    return [-1e39] * len(texts)\n", "f returned -inf for"),
        ("def f(tokens, texts):\n    return 0 * tokens + 3e38\n", "f returned numbers whose sum is inf for"),
        (
            "async def f(tokens, texts):\n    return [1.0] * len(texts)\n",
            "f is an async function; give an ordinary one",
        ),
        ("def f(tokens, texts):\n    return [1j] * len(texts)\n", "not return an array of numbers .they are complex"),
        ("def f(tokens, texts):\n    return tokens.astype('m8[s]')\n", "they are complex, or times"),
        (
            "class Odd(BaseException):\n    def __str__(self):\n        return 1 / 0\n"
            "def f(tokens, texts):\n    raise Odd\n",
            "line 5: f raised Odd: its message cannot be had, which raises ZeroDivisionError",
        ),
        (
            "class Odd:\n    def __array__(self, *a, **k):\n        raise SystemExit(3)\n"
            "def f(tokens, texts):\n    return Odd()\n",
            "f did not return an array of numbers .3.; return numbers",
        ),
        (
            "class Odd:\n    def __call__(self, tokens, texts):\n        return [0.0] * len(texts)\n"
            "    causal = property(lambda self: 1 / 0)\nf = Odd()\n",
            "line 4: f.causal raised ZeroDivisionError",
        ),
        (
            "def f(tokens, texts):\n    texts.clear()\n    return tokens * float('nan')\n",
            "f returned nan for '.*'; return",
        ),
        ("def f(tokens, texts):\n    raise SystemExit(3)\n", "mine.py, line 2: f raised SystemExit: 3"),
        ("def f(tokens, texts):\n    return [[1], [1, 2]]\n", "did not return an array of numbers"),
        ("def f(tokens, texts):\n    x = 1\n    return x[0]\n", "mine.py, line 3: f raised TypeError"),
        ("def f(tokens):\n    return tokens\n", "f raised TypeError"),
        ("def f(tokens, texts):\n    return ['x'] * len(texts)\n", "an array of numbers .*'x'"),
        ("def f(:\n", "mine.py, line 1: the file raised SyntaxError"),
        ("import no_such_module\n", "line 1: the file raised ModuleNotFoundError"),
        ("def fun(tokens, texts):\n    return 0\n", "unknown function 'f' in .*did you mean fun"),
        ("f = 3\n", "defines no function"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_the_run(domain, write, text, says):
    with pytest.raises(UserError, match=says) as caught:
        make_reward(domain, f"{write(text)}:f")
    assert "\n" not in str(caught.value)


def test_an_error_in_what_a_file_imports_is_placed_in_the_file(domain, write, monkeypatch):
    monkeypatch.syspath_prepend(write("x = 1\n\n\ny = (\n", "seqtutor_broken_helper.py").parent)
    path = write("x = 1\nimport seqtutor_broken_helper\n\ndef f(tokens, texts):\n    return texts\n")
    with pytest.raises(UserError, match=r"mine\.py, line 2: the file raised SyntaxError"):
        make_reward(domain, f"{path}:f")


def test_the_trial_has_whole_cut_and_empty_sequences(domain):
    tokens, lengths = trial(domain)
    assert tokens.shape == (TRIAL, 4) and tokens.dtype == lengths.dtype == np.int32
    assert lengths[0] == 4 and lengths[-1] == 1 and set(lengths) <= {1, 2, 3, 4}
    for row, length in zip(tokens, lengths, strict=True):
        assert (row[: length - 1] != 0).all() and (row[length:] == 0).all()
        assert (row[length - 1] == 0) == (length < 4)
    assert domain.decode(tokens[-1]) == ""


SLEEPS = "import time\n\ndef f(tokens, texts):\n    time.sleep({})\n    return [0] * len(texts)\n"


def test_a_slow_function_is_called_so_but_runs(domain, write, capsys):
    path = write(SLEEPS.format("0.08"))
    assert make_reward(domain, f"{path}:f", batch=200).names == ("f",)  # 200 sequences take 2 s
    assert capsys.readouterr().err == ""
    assert make_reward(domain, f"{path}:f", batch=2000).names == ("f",)
    found = re.fullmatch(r".*:f scores ([\d.]+) sequences a second: the 2000 of a round take about (\d+) s\n",
                         capsys.readouterr().err)  # fmt: skip
    assert 10 < float(found[1]) <= 100 and 20 <= int(found[2]) < 200


def test_the_first_call_may_load_something(domain, write, capsys):
    text = "import time\n\ndef f(tokens, texts, calls=[]):\n    time.sleep(0 if calls else 0.3)\n    calls.append(1)\n"
    path = write(text + "    return [0] * len(texts)\n")
    make_reward(domain, f"{path}:f", batch=1000)
    assert capsys.readouterr().err == ""


def test_a_missing_file(domain):
    with pytest.raises(UserError, match=r"no reward file nowhere\.py"):
        make_reward(domain, "nowhere.py:f")


def test_a_value_that_stops_being_finite_during_the_run(domain, write):
    path = write("def f(tokens, texts):\n    return [float('nan') if text == 'ab' else 0.0 for text in texts]\n")
    reward = make_reward(domain, f"{path}:f")
    with pytest.raises(UserError, match="returned nan for 'ab'"):
        reward(TOKENS, LENGTHS)
