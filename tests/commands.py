"""Running a command in tests."""

from seqtutor.cli.main import run


def error_of(capsys, *args):
    """The one line on standard error of a command that ends with exit code 2."""
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


def make_prior(path, name, **options):
    """An untrained prior of a few units in a domain that is installed."""
    from seqtutor import checkpoint, config, load
    from seqtutor.domains import domain_class
    from seqtutor.model import SequenceModel
    from seqtutor.rundir import RunDir

    resolved = config.from_tree({"domain": {"name": name, **options}, "model": {"units": 4}}, "test")
    domain = domain_class(name)(options).with_vocabulary("()=CNOc1")
    groups = checkpoint.join(prior=SequenceModel(resolved.model, domain.vocabulary.size, seed=0).get())
    folder = RunDir(path)
    folder.create(resolved, {"kind": "prior"}, resume=False, force=False)
    meta = {"kind": "prior", **load.describe(resolved, domain)}
    checkpoint.save(folder.checkpoints, checkpoint.Checkpoint(1, meta, groups), best=True)
