"""Event files read back by what TensorBoard reads them with."""

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util.tensor_util import make_ndarray

from seqtutor.cli.main import run
from seqtutor.runs.tensorboard import TensorBoard
from tests.support.commands import failing_reward


def shown(folder):
    """{tag: {step: value}} of the one run below a folder; that no step comes twice was looked at."""
    events = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()
    ((name, kinds),) = events.Runs().items()
    tags = {}
    for tag in kinds["tensors"]:
        steps = [event.step for event in events.Tensors(name, tag)]
        assert steps == sorted(set(steps))
        tags[tag] = {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(name, tag)}
    return tags


def test_scalars_and_histograms_come_back(tmp_path):
    board = TensorBoard(tmp_path)
    board.add({"step": 1, "loss": 0.5, "tokens": 7})
    board.add({"step": 4, "loss": float("nan"), "tokens": 9}, {"reward": np.array([0.0, 1.0, 1.0, 3.0])})
    tags = shown(tmp_path)
    assert tags["loss"][1] == 0.5 and np.isnan(tags["loss"][4])
    assert tags["tokens"] == {1: 7, 4: 9}
    low, high, count = tags["reward"][4].T  # the counts of numbers from low to high
    assert (low[0], high[-1], count.sum()) == (0, 3, 4)


def test_what_was_written_beyond_a_checkpoint_is_left_out(tmp_path):
    for keep_until, sign in ((-1, 1.0), (3, -1.0), (5, 2.0)):
        board = TensorBoard(tmp_path, keep_until)
        for step in range(keep_until + 1, 8):
            board.add({"step": step, "x": sign * step}, {"h": np.full(3, sign)})
    tags = shown(tmp_path)
    assert tags["x"] == {0: 0, 1: 1, 2: 2, 3: 3, 4: -4, 5: -5, 6: 12, 7: 14}
    assert {step: rows[0, 0] for step, rows in tags["h"].items()} == {0: 1, 1: 1, 2: 1, 3: 1, 4: -1, 5: -1, 6: 2, 7: 2}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("every", [4, 100])
def test_a_resumed_tuning_shows_each_round_once(make_run, tmp_path, capsys, every):
    """It failed in round 6, with a checkpoint of round 4 or none; the board is history.csv, step by step."""
    config, out = tmp_path / "c.yaml", tmp_path / "psi"
    config.write_text(
        f"domain: {{name: words}}\ntune: {{rounds: 7, batch: 8, minibatch: 8, evaluate_every: {every}}}\n"
    )
    failing_reward(tmp_path / "mine.py", at=7)
    args = ["tune", str(config), "--prior", str(make_run()), "--reward", f"{tmp_path}/mine.py:f", "--out", str(out)]
    assert run(args) == 2
    assert "no licence left" in capsys.readouterr().err.splitlines()[-1]  # below a warning of what so few rewards weigh
    assert list(shown(out / "tensorboard")["reward"]) == [1, 2, 3, 4, 5]
    assert run([*args, "--resume"]) == 0
    history = pd.read_csv(out / "history.csv").set_index("step")
    assert list(history.index) == [1, 2, 3, 4, 5, 6, 7]
    tags = shown(out / "tensorboard")
    assert {*history.columns, "sequence_reward", "sequence_kl", "sequence_length"} == tags.keys()
    for name in history.columns:
        np.testing.assert_allclose(list(tags[name].values()), history[name], rtol=1e-4, err_msg=name)
