"""pretrain and tune from Python: where a config comes from, rewards that are functions, resuming, what is refused."""

import numpy as np
import pytest
import yaml

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.support import outcome
from tests.support.commands import failing_reward
from tests.support.places import CONFIGS
from tests.support.python_api import SMALL, TUNE, count_a, each_a
from tests.support.toy import word_list
from tests.tuning.test_resume import assert_same_run, last_arrays

pytestmark = pytest.mark.usefixtures("eagerly")
SHORT = {"pretrain.epochs": 0.1}


def newest(run):
    return last_arrays(run.path)[1]


def assert_same_arrays(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def error_of(call, *args, **how):
    with pytest.raises(st.UserError) as caught:
        call(*args, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_config_is_a_path_a_preset_dictionaries_or_a_config(elsewhere):
    """All four make the run that the first of them made, to the bit; without `out` it is named after the config."""
    tree = {"extends": "chain", "model": {"units": 8}, "pretrain": {"epochs": 0.1, "evaluate_every": 10}}
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump(tree))
    first = st.pretrain(CONFIGS / "chain.yaml", settings={**SMALL, **SHORT}, quiet=True)
    made = {
        "runs/chain/prior": first,
        "runs/mine/prior": st.pretrain("mine.yaml", quiet=True),
        "dictionaries": st.pretrain(tree, out="dictionaries", quiet=True),
        "config": st.pretrain(first.config, out="config", quiet=True),
    }
    for folder, run in made.items():
        assert run.path.resolve() == elsewhere / folder
        assert run.config == first.config
        assert_same_arrays(newest(run), newest(first))


def test_without_a_name_runs_are_called_after_the_domain(prior, elsewhere):
    run = st.pretrain(prior.config, settings=SHORT, quiet=True)
    assert str(run.path) == "runs/chain/prior"
    assert str(st.tune(run, prior.config, variant="g", settings=TUNE, quiet=True).path) == "runs/chain/g"
    assert str(st.tune(run, variant="g", settings=TUNE, out="g", quiet=True).path) == "g"


def test_what_a_run_says_of_itself(prior, tuned):
    assert (prior.tuned, tuned.tuned) == (False, True)
    assert tuned.path == prior.path.parent / "psi"
    assert repr(tuned) == f"<Run {tuned.path}: chain tuned by psi with c = 1, round 6>"
    assert list(tuned.history["step"]) == list(range(6)) or list(tuned.history["step"]) == list(range(1, 7))
    assert tuned.domain.name == "chain"
    assert (tuned.reward, st.load_run(tuned.path).reward) == (count_a, None)


def test_the_toy_domain_with_data_of_its_own(words, elsewhere):
    data = word_list(elsewhere, *["abc", "bca", "cab", "aab"] * 10)
    config = {"domain": {"name": "words"}, "model": {"units": 4}, "pretrain": {"epochs": 1, "batch": 8}}
    prior = st.pretrain(config, data=data, seed=3, quiet=True)
    assert (prior.config.data.name, prior.config.seed) == (data, 3)
    tuned = st.tune(prior, config, variant="pg", c=0.5, reward="b:2", seed=4, settings=TUNE, quiet=True)
    assert str(tuned.path) == "runs/words/pg"
    tune = tuned.config.tune
    assert (tune.variant, tune.c, tune.reward, tuned.config.seed, tuned.config.model.units) == ("pg", 0.5, "b:2", 4, 4)


def test_without_a_config_the_priors_counts(prior, tuned):
    expected = prior.config.tune.model_copy(update={key.split(".")[1]: value for key, value in TUNE.items()})
    assert tuned.config.tune == expected.model_copy(update={"reward": "python:count_a"})
    assert tuned.config.pretrain == prior.config.pretrain


def test_a_reward_a_token_is_as_one_a_sequence_where_its_sum_is_seen(prior, tmp_path):
    """The augmented likelihood sees the sum alone, up to rounding; psi sees at which token a reward is."""

    def runs(variant):
        how = {"variant": variant, "settings": TUNE, "quiet": True}
        for reward in (count_a, each_a):
            yield st.tune(prior, reward=reward, out=tmp_path / f"{variant}-{reward.__name__}", **how)

    for variant, same in (("dap", True), ("psi", False)):
        sequence, token = runs(variant)
        rewards = [run.history["reward"].to_numpy() for run in (sequence, token)]
        assert 0.5 < rewards[0][0] < 3  # the mean number of a's in 6 letters
        assert rewards[0][0] == rewards[1][0]  # the first batch is the prior's
        arrays, others = newest(sequence), newest(token)
        close = [np.allclose(arrays[name], others[name], atol=1e-5) for name in arrays if name.startswith("online/")]
        assert close
        assert all(close) == same


def test_a_tuned_run_draws_with_its_function_one_that_was_loaded_asks_for_it(tuned, caplog):
    table = tuned.sample(4, quiet=True).to_pandas()
    assert table["count_a"].tolist() == table["total"].tolist() == [text.count("a") for text in table["text"]]
    assert not caplog.messages
    loaded = st.load_run(tuned.path)
    assert "random" in loaded.sample(4, quiet=True).to_pandas()
    assert "'python:count_a' was a Python function; give it as reward=" in caplog.messages[0]
    assert "count_a" in loaded.sample(4, reward=count_a, quiet=True).to_pandas()


def test_a_function_that_fails_is_named_and_keeps_its_cause(prior, tmp_path):
    """In the trial, before anything is made; in a round, after the checkpoints so far. Resumed, nothing is missing."""

    def fails(tokens, texts):
        raise KeyError("no\nlicence")

    with pytest.raises(st.UserError) as caught:
        st.tune(prior, reward=fails, out=tmp_path / "none", settings=TUNE, quiet=True)
    assert str(caught.value) == r"reward fails raised KeyError: 'no\nlicence'"
    assert isinstance(caught.value.__cause__, KeyError)
    assert not (tmp_path / "none").exists()

    calls = []

    def count(tokens, texts):
        calls.append(len(texts))
        if len(calls) == 6:
            raise ConnectionError("the service\nis gone")
        return count_a(tokens, texts)

    how = {"reward": count, "settings": TUNE, "quiet": True}
    line = error_of(st.tune, prior, out=tmp_path / "broken", **how)
    assert line == "reward count raised ConnectionError: the service is gone"
    resumed = st.tune(prior, out=tmp_path / "broken", resume=True, **how)
    assert_same_run(st.tune(prior, out=tmp_path / "whole", **how).path, resumed.path)


def test_a_resumed_run_with_a_function(prior, tuned, tmp_path):
    how = {"reward": count_a, "quiet": True}
    short = st.tune(prior, settings={**TUNE, "tune.rounds": 4}, out=tmp_path / "run", **how)
    assert "holds a run already" in error_of(st.tune, prior, settings=TUNE, out=short.path, **how)
    line = error_of(st.tune, prior, reward=each_a, settings=TUNE, out=short.path, resume=True, quiet=True)
    assert "tune.reward was python:count_a, not python:each_a" in line
    longer = st.tune(prior, settings=TUNE, out=short.path, resume=True, **how)
    assert longer.step == 6
    with outcome.eagerly(False):  # as `tuned` was made
        anew = st.tune(prior, settings=TUNE, out=short.path, force=True, **how)
    assert_same_arrays(newest(anew), newest(tuned))


def test_the_command_cannot_resume_a_function_and_says_so(prior, tuned, capsys):
    args = ["tune", str(tuned.path / "config.yaml"), "--prior", str(prior.path), "--out", str(tuned.path), "--resume"]
    assert command(args) == 2
    assert "reward 'python:count_a' was a function in Python" in capsys.readouterr().err


def test_a_file_that_a_prior_names_as_reward_is_not_executed(make_run, tmp_path):
    """A prior may come from anyone. What the caller names is executed."""
    path = tmp_path / "evil.py"
    failing_reward(path, at=1)
    prior = make_run(reward=f"{path}:f")
    settings = {**TUNE, "tune.rounds": 1}
    assert st.tune(prior, settings=settings, out=tmp_path / "a", quiet=True).config.tune.reward == ""
    found = st.sweep(prior, settings=settings, out=tmp_path / "sweep", num=4, quiet=True)
    assert len(found.rows) == 2
    assert path.with_suffix(".calls").read_text() == ""
    for how in ({"reward": f"{path}:f"}, {"settings": {**settings, "tune.reward": f"{path}:f"}}):
        assert "no licence left" in error_of(
            st.tune, prior, **{"settings": settings, "out": tmp_path / "b", "quiet": True, **how}
        )
        failing_reward(path, at=1)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"config": "chian"}, "unknown config file 'chian'; did you mean chain"),
        ({"config": {"domain": {"name": "chain"}, "tune": {"round": 3}}}, "unknown key 'tune.round' in config"),
        ({"config": {}}, "config: domain is missing"),
        ({"config": "music"}, "the config's domain is 'music', but --prior"),
        ({"variant": "phi"}, "unknown variant 'phi'"),
        ({"c": 0.0}, "tune.c is 0.0: input should be greater than 0"),
        ({"settings": {"model.units": 3}}, "--set model.units=3: domain, data and model are the prior's"),
        ({"reward": "randon"}, "unknown reward 'randon'"),
        ({"reward": lambda tokens, texts: None}, "<lambda> returned nothing; return numbers of shape"),
        ({"seed": -1}, "seed is -1: input should be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_tune_refuses(prior, tmp_path, how, says):
    assert says in error_of(st.tune, prior, out=tmp_path / "run", quiet=True, **how)
    assert not (tmp_path / "run").exists()


def test_a_prior_that_is_none(prior, tuned, tmp_path):
    assert "is not a run folder" in error_of(st.tune, tmp_path, quiet=True)
    assert "is a tuned run" in error_of(st.tune, tuned, quiet=True)
    assert "the prior's own folder" in error_of(st.tune, prior, out=prior.path, quiet=True)
    assert "holds a run already" in error_of(st.pretrain, prior.config, out=prior.path, quiet=True)


def test_the_command_and_the_function_make_one_run(prior, tmp_path):
    settings = [part for key, value in TUNE.items() for part in ("--set", f"{key}={value}")]
    command_line = ["tune", "chain", "--prior", str(prior.path), "--out", str(tmp_path / "command"), "--quiet"]
    assert command([*command_line, *settings]) == 0
    made = st.tune(prior, "chain", settings=TUNE, out=tmp_path / "function", quiet=True)
    assert_same_run(tmp_path / "command", made.path)
    assert (tmp_path / "command/config.yaml").read_bytes() == (made.path / "config.yaml").read_bytes()
    assert (tmp_path / "command/best.csv").read_bytes() == (made.path / "best.csv").read_bytes()
