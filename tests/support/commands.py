"""Running a command in tests: what it is given, and what it says of an error."""

from seqtutor.cli.main import run
from tests.support.places import CONFIGS

CONFIG = str(CONFIGS / "chain.yaml")
# A prior within seconds, and a policy tuned from it: see the fixture `runs`.
PRETRAIN = ["pretrain", CONFIG, "--quiet", "--set", "model.units=8", "--set", "pretrain.epochs=2",
            "--set", "pretrain.evaluate_every=10"]  # fmt: skip
TUNE = ["tune", CONFIG, "--quiet", "--set", "tune.rounds=30", "--set", "tune.batch=16", "--set", "tune.minibatch=16",
        "--set", "tune.evaluate_every=3", "--set", "tune.replay_ratio=1"]  # fmt: skip


def error_of(capsys, *args):
    """The one line on standard error of a command that ends with exit code 2."""
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


def words_config(folder):
    """The path of a config for the domain of the fixture `words`, made in a folder."""
    path = folder / "words.yaml"
    path.write_text("domain: {name: words}\n")
    return str(path)


def untrained(path, name, variant="", seed=0, **options):
    """A run of a few units in a domain that is installed: a prior, or with a variant a tuned one."""
    from seqtutor import config
    from seqtutor.domains import domain_class
    from seqtutor.policy.sequence_model import SequenceModel
    from seqtutor.runs import checkpoint
    from seqtutor.runs.run import checkpoint_meta
    from seqtutor.runs.run_folder import RunFolder

    tree = {"domain": {"name": name, **options}, "model": {"units": 4}, "tune": {"variant": variant or "psi"}}
    resolved, kind = config.from_tree(tree, "test"), "tuned" if variant else "prior"
    domain = domain_class(name)(options).with_vocabulary("()=CNOc1")
    networks = {group: SequenceModel(resolved.model, domain.vocabulary.size, seed) for group in ("prior", "online")}
    groups = {group: network.get() for group, network in networks.items() if variant or group == "prior"}
    folder = RunFolder(path)
    folder.create(resolved, {"kind": kind}, resume=False, force=False)
    meta = {"kind": kind, **checkpoint_meta(resolved, domain)}
    checkpoint.save(folder.checkpoints, checkpoint.Checkpoint(1, meta, checkpoint.join(**groups)), best=True)


FAILING = """import pathlib

CALLS = pathlib.Path(__file__).with_suffix(".calls")

def f(tokens, texts):
    CALLS.write_text(CALLS.read_text() + "x")
    if len(CALLS.read_text()) == {at}:
        raise RuntimeError("no licence\\nleft")
    return [len(text) for text in texts]
"""


def failing_reward(path, at):
    """Writes a file with a reward `f` that fails when it is called for the at-th time; its calls are beside it."""
    path.write_text(FAILING.format(at=at))
    path.with_suffix(".calls").write_text("")
