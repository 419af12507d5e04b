"""Checkpoints that TensorFlow's own v1 cells write, with names of every age, become priors with the same logits."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seqtutor.cli.main import run
from seqtutor.errors import UserError
from seqtutor.exchange import magenta
from seqtutor.exchange.magenta import EVENTS
from seqtutor.runs.run import load_run
from tests.support.commands import error_of

v1 = tf.compat.v1
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:tensorflow")
TOKENS = np.random.default_rng(0).integers(0, EVENTS, (3, 7)).astype(np.int32)


def magenta_graph(cells, sizes, scope):
    """A note RNN in the way of Magenta's: one-hot inputs, dynamic_rnn over LSTM cells, fully_connected."""
    with v1.variable_scope(scope):
        hidden, _ = v1.nn.dynamic_rnn(cells, tf.one_hot(TOKENS, EVENTS), dtype=tf.float32)
        with v1.variable_scope("fully_connected"):
            kernel = v1.get_variable("weights", [sizes[-1], EVENTS])
            bias = v1.get_variable("biases", [EVENTS], initializer=v1.random_normal_initializer())
        return tf.tensordot(hidden, kernel, 1) + bias


def write(
    folder, sizes=(9, 5), basic=False, scope="rnn_model", rename=lambda name: name, drop="", training=False, version=2
):
    """Writes a checkpoint with renamed variables; returns its prefix and the network's logits of TOKENS."""
    from tensorflow.python.keras.layers.legacy_rnn import rnn_cell_impl

    cell = rnn_cell_impl.BasicLSTMCell if basic else rnn_cell_impl.LSTMCell
    cells = rnn_cell_impl.MultiRNNCell([cell(size) for size in sizes])
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        logits = magenta_graph(cells, sizes, scope)
        variables = [v for v in v1.global_variables() if not (drop and v.op.name.endswith(drop))]
        if training:
            v1.train.AdamOptimizer().minimize(tf.reduce_sum(logits), v1.train.get_or_create_global_step())
            variables = v1.global_variables()
        session.run(v1.global_variables_initializer())
        for variable in v1.global_variables():
            if variable.op.name.endswith("bias"):
                session.run(variable.assign(tf.random.normal(variable.shape, seed=3)))
        saver = v1.train.Saver({rename(v.op.name): v for v in variables}, write_version=version)
        prefix = saver.save(session, str(folder / "model.ckpt"), 30)
        return prefix, session.run(logits)


def field(number, data):
    """A field of bytes of a protocol buffer."""
    size, digits = len(data), b""
    while size >= 0x80:
        size, digits = size >> 7, digits + bytes([size & 0x7F | 0x80])
    return bytes([number << 3 | 2]) + digits + bytes([size]) + data


def bundle(folder, checkpoint, generator=b"basic_rnn"):
    """Writes a bundle as Magenta does; returns its path."""
    path = folder / "basic_rnn.mag"
    details = field(1, generator) + field(2, b"words")
    path.write_bytes(field(1, details) + field(2, checkpoint) + field(3, b"graph") + field(4, field(2, b"id")))
    return path


def old(name):
    """As TensorFlow 0.8 to 0.11 named them."""
    name = name.replace("rnn/multi_rnn_cell/cell_", "RNN/MultiRNNCell/Cell").replace("lstm_cell", "LSTMCell")
    return name.replace("kernel", "W_0").replace("bias", "B") if "LSTMCell" in name else name


def middle(name):
    """As TensorFlow 0.12 to 1.1 named them."""
    return name.replace("kernel", "weights").replace("bias", "biases") if "lstm_cell" in name else name


def imported_logits(prefix, folder, *options, tokens=TOKENS):
    assert run(["import-magenta", str(prefix), "--out", str(folder / "run"), "--quiet", *options]) == 0
    prior = load_run(folder / "run").policy.prior
    begin = np.full((len(tokens), 1), EVENTS, np.int32)
    return prior.unroll(tf.constant(np.concatenate([begin, tokens], axis=1))).logits.numpy()


@pytest.mark.parametrize("sizes", [(6,), (9, 5), (4, 4, 8)])
@pytest.mark.parametrize("rename", [old, middle, lambda name: name])
def test_logits_equal_those_of_the_network_that_was_saved(tmp_path, sizes, rename):
    prefix, logits = write(tmp_path, sizes, rename=rename)
    ours = imported_logits(prefix, tmp_path)
    np.testing.assert_allclose(ours[:, 1:], logits, atol=1e-5)
    assert np.abs(logits).max() > 0.5


def test_basic_cells_no_scope_training_variables_and_any_way_to_say_where(tmp_path):
    prefix, logits = write(tmp_path, (8,), basic=True, scope="", training=True)
    for number, where in enumerate((prefix, f"{prefix}.index", tmp_path)):
        ours = imported_logits(where, tmp_path / str(number))
        np.testing.assert_allclose(ours[:, 1:], logits, atol=1e-5)


def test_steps_and_sampling_agree_with_the_unrolled_import(tmp_path):
    prefix, logits = write(tmp_path)
    imported_logits(prefix, tmp_path)
    policy = load_run(tmp_path / "run").policy
    state, found = policy.initial_state(len(TOKENS)), []
    for column in np.concatenate([np.full((len(TOKENS), 1), EVENTS), TOKENS], axis=1).T:
        scores, *_, state = policy.step(tf.constant(column, tf.int32), state)
        found.append(scores.numpy())
    np.testing.assert_allclose(np.stack(found, 1)[:, 1:], logits, atol=1e-5)


def test_note_seq_events_change_places(tmp_path):
    prefix, logits = write(tmp_path)
    exchanged = np.where(TOKENS == 0, 1, np.where(TOKENS == 1, 0, TOKENS))
    assert (exchanged != TOKENS).any()
    ours = imported_logits(prefix, tmp_path, "--events", "note-seq", tokens=exchanged)
    order = np.array([1, 0, *range(2, EVENTS)])
    np.testing.assert_allclose(ours[:, 1:], logits[..., order], atol=1e-5)


@pytest.mark.parametrize("rename", [middle, lambda name: name.replace("fully_connected", "dense")])
def test_a_bundle(tmp_path, rename):
    """The older kind of checkpoint in it; its events are note-seq's, unless it is said that they are not."""
    (tmp_path / "made").mkdir()
    prefix, logits = write(tmp_path / "made", basic=True, scope="", rename=rename, training=True, version=1)
    path = bundle(tmp_path, Path(prefix).read_bytes())
    ours = imported_logits(path, tmp_path / "a", "--events", "rl-tuner")
    np.testing.assert_allclose(ours[:, 1:], logits, atol=1e-5)
    exchanged = np.where(TOKENS == 0, 1, np.where(TOKENS == 1, 0, TOKENS))
    ours = imported_logits(path, tmp_path / "b", tokens=exchanged)
    np.testing.assert_allclose(ours[:, 1:], logits[..., [1, 0, *range(2, EVENTS)]], atol=1e-5)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 checkpoints, not one"),
        (field(2, b"x") * 2, "2 checkpoints, not one"),
        (field(2, b"x" * 300)[:-1], "cut short"),
        (b"\x12" + b"\xff" * 11, "more than 64 bits"),
        (b"\x13", "a field of kind 3"),
        (field(2, b"nothing"), "not a readable TensorFlow checkpoint"),
    ],
)
def test_what_is_no_bundle(tmp_path, capsys, data, said):
    (tmp_path / "a.mag").write_bytes(data)
    assert run(["import-magenta", str(tmp_path / "a.mag"), "--out", str(tmp_path / "run")]) == 2
    line = capsys.readouterr().err
    assert said in line and f"{tmp_path}/a.mag" in line and line.count("\n") == 1


def test_a_checkpoint_that_is_cut_short(tmp_path, capsys):
    prefix = Path(write(tmp_path)[0])
    for path in (prefix.with_name(f"{prefix.name}.data-00000-of-00001"), prefix.with_name(f"{prefix.name}.index")):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        assert run(["import-magenta", str(prefix), "--out", str(tmp_path / "run")]) == 2
        assert "is not a readable TensorFlow checkpoint" in capsys.readouterr().err
        path.write_bytes(data)


@pytest.mark.parametrize("name", [".index", ".data-00000-of-00001", "checkpoint", "elsewhere"])
def test_a_pipe_in_place_of_a_file_of_a_checkpoint(tmp_path, capsys, name):
    """TensorFlow would wait for its other end."""
    folder = tmp_path / "model"
    folder.mkdir()
    prefix = write(folder)[0]
    where, pipe = (prefix, Path(f"{prefix}{name}")) if name.startswith(".") else (str(folder), folder / "checkpoint")
    if name == "elsewhere":
        pipe.write_text(f'model_checkpoint_path: "{tmp_path / "pipe"}"\n')
        pipe = tmp_path / "pipe.index"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    line = error_of(capsys, "import-magenta", where, "--out", str(tmp_path / "run"))
    assert f"'{pipe}' is a pipe, which may never end" in line


def test_an_imported_prior_can_be_tuned_sampled_evaluated_and_scored(tmp_path):
    prefix, _ = write(tmp_path)
    imported_logits(prefix, tmp_path)
    prior, psi = str(tmp_path / "run"), str(tmp_path / "psi")
    small = ["--set", "tune.rounds=2", "--set", "tune.batch=8", "--set", "tune.minibatch=4", "--quiet"]
    assert run(["tune", "configs/music.yaml", "--prior", prior, "--out", psi, *small]) == 0
    assert run(["sample", psi, "--num", "3", "--format", "mid", "--quiet"]) == 0
    assert run(["evaluate", prior, psi, "--num", "20", "--out", str(tmp_path), "--quiet"]) == 0


def test_what_is_missing_or_left_over_is_named(tmp_path, capsys):
    prefix, _ = write(tmp_path, drop="cell_1/lstm_cell/kernel")
    assert run(["import-magenta", prefix, "--out", str(tmp_path / "run")]) == 2
    assert "missing: kernel of layer 1" in capsys.readouterr().err
    variables = magenta.read(Path(write(tmp_path / "all")[0]))
    with pytest.raises(UserError, match="left over: rnn_model/attention/kernel"):
        magenta.convert({**variables, "rnn_model/attention/kernel": np.zeros((2, 2))})
    with pytest.raises(UserError, match=r"missing: .*output kernel, output bias"):
        magenta.convert({})
    wrong = {**variables, "rnn_model/fully_connected/biases": np.zeros(130)}
    with pytest.raises(UserError, match=r"output bias has shape \(130,\), expected \(38,\)"):
        magenta.convert(wrong)


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "model.ckpt").write_bytes(b"nothing")
    for where in (tmp_path / "model.ckpt", tmp_path, tmp_path / "none"):
        assert run(["import-magenta", str(where), "--out", str(tmp_path / "run")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()
