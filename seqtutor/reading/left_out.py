"""What sequences leave out of their originals, such as the grace notes of a tune: counted by cause."""

from __future__ import annotations

from collections.abc import Mapping

from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.rejections import Rejections
from seqtutor.system.progress import LOG

NAMED = 3  # sequences of a cause that a warning names


class LeftOut:
    """Counts what records leave out.

    Attributes:
      counts: by cause, how many things are left out, and of how many sequences.
      partial: those sequences by name, each with what it leaves out.
    """

    def __init__(self, counts: Mapping[str, tuple[int, int]] | None = None, partial: Rejections | None = None):
        self.counts = dict(counts or {})
        self.partial = Rejections() if partial is None else partial
        self._names: dict[str, list[str]] = {}  # the first ones of each cause

    def add(self, record: Record) -> None:
        """Counts one."""
        for cause, count in record.dropped:
            total, sequences = self.counts.get(cause, (0, 0))
            self.counts[cause] = total + count, sequences + 1
            if sequences < NAMED:
                self._names.setdefault(cause, []).append(record.name)
        if record.dropped:
            causes = "; ".join(f"{count} {cause}" for cause, count in record.dropped)
            self.partial.append(Rejected(record.name, f"read, but for: {causes}"))

    def summary(self) -> dict[str, str]:
        """By cause, the commonest first, in words: "3 grace notes in 2 sequences"."""
        return {
            cause: f"{count:,} {cause} in {sequences:,} sequence{'s' * (sequences != 1)}"
            for cause, (count, sequences) in sorted(self.counts.items(), key=lambda item: -item[1][0])
        }

    def tell(self) -> None:
        """Warns, in a line a cause, with the names of the first sequences that were added."""
        for cause, said in self.summary().items():
            names, sequences = self._names[cause], self.counts[cause][1]
            more = [f"{sequences - len(names):,} more"] if sequences > len(names) else []
            LOG.warning(f"read, but for {said}: {', '.join(names + more)}")
