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
