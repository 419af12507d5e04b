"""The form of a melody: which of its phrases return, written as letters, AABA or ABAC.

AABA is a tune with a middle part; in ABAC a question (A) has two answers. All phrases are of one length, T divided by
the number of letters; what is left over at the end belongs to none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from seqtutor.domains.music.tokens import FIRST_PITCH
from seqtutor.errors import UserError, shown

NAME = "form"
_LETTERS = re.compile("[A-Z]{2,16}")


def check_form(letters: str) -> None:
    """Raises UserError if letters name no form."""
    if not _LETTERS.fullmatch(letters) or len(set(letters)) == len(letters):
        raise UserError(
            f"reward 'form({shown(letters)})': give 2 to 16 capital letters, one of them twice, as form(AABA)"
        )


def form(tokens: np.ndarray, letters: str) -> np.ndarray:
    """What the tokens of each phrase earn, float32 [N, T], of tokens int [N, T].

    In a phrase whose letter was there before: 1 for a token that equals the one at the same place of the first such
    phrase. In a phrase with a new letter: -1 for a note that equals the one at the same place of an earlier phrase.
    """
    reward = np.zeros(tokens.shape, np.float32)
    size = tokens.shape[1] // len(letters)
    for number in range(len(letters)):
        here = slice(number * size, (number + 1) * size)
        earlier = [tokens[:, here.start - back * size : here.stop - back * size] for back in _back(letters, number)]
        reward[:, here] = _worth(tokens[:, here], earlier, letters[number] in letters[:number])
    return reward


def form_at(tokens: np.ndarray, step: int, letters: str) -> np.ndarray:
    """`form` at one step, float32 [N], of tokens [T, N]; those after the step have no meaning."""
    places, repeats = compared(len(tokens), step, letters)
    return _worth(tokens[step], [tokens[place] for place in places], repeats)


def compared(length: int, step: int, letters: str) -> tuple[list[int], bool]:
    """The places whose tokens the one at a step is compared with, of `length` steps, and whether it is to repeat them.

    It earns 1 if it is to and equals one of them; -1 if it is not to, is a note and equals one of them.
    """
    size = length // len(letters)
    number = step // size if size else len(letters)
    if number >= len(letters):
        return [], False
    return [step - back * size for back in _back(letters, number)], letters[number] in letters[:number]


def _back(letters: str, number: int) -> list[int]:
    """How many phrases back those are that a phrase is compared with: the first of its letter, or of every other."""
    before = letters[:number]
    firsts = [before.index(letters[number])] if letters[number] in before else [*map(before.index, set(before))]
    return sorted(number - first for first in firsts)


def _worth(new: np.ndarray, earlier: Sequence[np.ndarray], repeats: bool) -> np.ndarray:
    same = np.zeros(new.shape, bool)
    for tokens in earlier:
        same |= new == tokens
    return (same if repeats else -1.0 * (same & (new >= FIRST_PITCH))).astype(np.float32)
