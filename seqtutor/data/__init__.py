"""Data sets as token arrays: where they are, parsed once and cached, in batches; and files of sequences to judge."""
