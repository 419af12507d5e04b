"""Texts as rows of tokens, letter by letter, for what is tried without a domain's own tokens."""

import numpy as np

LONGEST = 200


def as_tokens(texts):
    """Tokens [N, LONGEST] with 0 behind each text, lengths [N] that count the first 0, and the way back of a row."""
    letters = ["", *sorted(set("".join(texts)))]
    tokens, lengths = np.zeros((len(texts), LONGEST), np.int32), np.array([len(text) + 1 for text in texts], np.int32)
    for line, text in zip(tokens, texts, strict=True):
        line[: len(text)] = [*map(letters.index, text)]
    return tokens, lengths, lambda row: "".join(letters[i] for i in row)
