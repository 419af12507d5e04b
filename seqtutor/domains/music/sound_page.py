"""What the script of the pages with melodies in them, sound.js, plays."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqtutor.domains.music.melody import to_notes
from seqtutor.domains.music.playing import Playing


def played(tokens: np.ndarray, playing: Playing) -> dict[str, Any]:
    """A melody, tokens [T], as the script plays it: begin and end of each note in seconds, its MIDI pitch."""
    seconds = playing.seconds
    return {
        "notes": [[round(seconds(n.start), 4), round(seconds(n.end), 4), n.pitch] for n in to_notes(tokens)],
        "seconds": round(seconds(len(tokens)), 4),
    }
