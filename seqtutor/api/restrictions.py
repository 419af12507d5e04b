"""What of its sequences a run draws: their length, and the notes that they may have."""

from __future__ import annotations

from seqtutor.api import inputs
from seqtutor.config import Config
from seqtutor.domains.base import Domain
from seqtutor.errors import UserError
from seqtutor.runs.run import Run
from seqtutor.system.progress import LOG


def of_length(run: Run, length: int | None, bars: int | None) -> Run:
    """A run with sequences of another length, in tokens or bars; without either as it is.

    Says what it was never trained on. Raises UserError for both, and for a length that its domain cannot have.
    """
    asked = _length_asked(run.domain, length, bars)
    longer = run if asked is None else run.of_length(asked)
    if longer is run:
        return run
    if run.policy.tuned is not None and run.domain.vocabulary.end is None:
        LOG.warning(
            f"{run.path} was tuned to make sequences of {run.domain.length} tokens, not {asked}: it knows nothing of "
            "another end; tune for that length to have one"
        )
    tell_of_untrained(longer)
    return longer


def of_notes(run: Run, range: str | None, scale: str | None) -> Run:
    """A run that draws only the notes of a range and of a scale; without either as it is.

    Says what of it cannot be drawn, and what the run was never tuned for. Raises UserError for what is neither, and in
    a domain without notes.
    """
    asked = inputs.given({"range": range, "scale": scale})
    if missing := asked.keys() - run.domain.options.keys():
        raise UserError(
            f"sequences of domain '{run.domain.name}' have no {' and no '.join(sorted(missing))}; leave it out"
        )
    limited = run.drawing(asked)
    if limited is run:
        return run
    before, now = run.domain.allowed, limited.domain.allowed
    if run.policy.tuned is not None and before is not None and (now is None or (now & ~before).any()):
        LOG.warning(f"{run.path} was tuned for fewer notes than these: it has learned nothing of the others")
    tell_of_notes(limited)
    return limited


def tell_of_notes(run: Run) -> None:
    """Says what of the notes that are asked for cannot be drawn."""
    if said := run.domain.out_of_reach:
        LOG.warning(said)


def refuse_notes(config: Config) -> None:
    """Raises UserError for a config of a prior that restricts the notes: it learns all that its data have."""
    for key in inputs.OF_DRAWING[1:]:
        if value := config.domain.get(key):
            raise UserError(f"domain.{key} is {value}: a prior learns all notes of its data; give it to tune or sample")


def _length_asked(domain: Domain, length: int | None, bars: int | None) -> int | None:
    """The tokens that a length, or a number of bars, asks for; None where neither does. Raises UserError for both."""
    refuse_length_twice(length, bars)
    return length if bars is None else domain.length_of_bars(bars)


def refuse_length_twice(length: int | None, bars: int | None) -> None:
    """Raises UserError for a length in tokens and in bars, and for no bars."""
    inputs.at_least(1, bars=bars)
    if length is not None and bars is not None:
        raise UserError(f"length is {length} and bars {bars}; give one of the two")


def tell_of_untrained(run: Run, before: int = 0) -> None:
    """Says that sequences may be longer than the pieces that the prior was trained on, where they may.

    Args: before: tokens of the primer before them.
    """
    learned, length = run.config.data.max_length, run.domain.length + before
    if (run.config.data.name or run.shipped) and length > learned:
        LOG.warning(
            f"the prior was trained on pieces of at most {learned} tokens: of those after the first {learned}, up to "
            f"{length}{' with the primer' if before else ''}, it has learned nothing, and goes on as it can"
        )


def tell_of_primer(run: Run, before: int) -> None:
    """Says so where it is the primer alone, of so many tokens, that makes them longer: else `of_length` has said it."""
    if run.domain.length <= run.config.data.max_length:
        tell_of_untrained(run, before)
