"""`python -m seqtutor` is the command `seqtutor`."""

from seqtutor.cli.main import main

if __name__ == "__main__":  # worker processes import this module again
    main()
