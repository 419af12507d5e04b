"""`play`: a page that plays the melodies of a run or a file."""

from __future__ import annotations

from pathlib import Path

from seqtutor.api import inputs, restrictions
from seqtutor.api.samples import sample
from seqtutor.domains import make_domain
from seqtutor.domains.base import Domain
from seqtutor.domains.reward_spec import RewardLike, make_reward
from seqtutor.errors import UserError
from seqtutor.reading.left_out import LeftOut
from seqtutor.reading.records import Record, Rejected
from seqtutor.reading.rejections import Rejections
from seqtutor.runs.run import Run
from seqtutor.runs.shipped import folder_of
from seqtutor.system.progress import LOG
from seqtutor.system.templates import write_page


def play(
    what: Run | str | Path, *, num: int = 8, particles: int = 1, c: float | None = None, length: int | None = None,
    bars: int | None = None, range: str | None = None, scale: str | None = None, tempo: float | None = None,
    reward: RewardLike | None = None, seed: int | None = None, out: str | Path = "play.html", quiet: bool = False,
) -> Path:  # fmt: skip
    """Writes a page that plays melodies in the browser, complete in itself.

    Args:
      what: a run, whose melodies are drawn; or a file or folder of melodies.
      num: how many melodies, at the most.
      particles, c, length, bars, range, scale, seed: of a run, as of `sample`.
      tempo: quarter notes a minute; by default 80.
      reward: whose rules the page marks, as of `tune`; by default that of the run, or the domain's.
      out: the page's file.
    Returns: the page's file. Raises UserError for anything wrong with the input, and for sequences that do not sound.
    """
    inputs.at_least(1, num=num)
    drawn = {"c": c, "length": length, "bars": bars, "range": range, "scale": scale, "seed": seed}
    played = inputs.given({"tempo": tempo})
    title = f"seqtutor: {what.path if isinstance(what, Run) else what}"
    if isinstance(what, Run) or folder_of(what) is not None or (Path(what) / "config.yaml").exists():
        run = restrictions.of_notes(restrictions.of_length(inputs.as_run(what), length, bars), range, scale)
        domain = run.domain.played(played) if played else run.domain
        with make_reward(domain, run.reward_spec if reward is None else reward) as scores:
            texts = list(sample(run, num, reward=scores, particles=particles, c=c, seed=seed, quiet=quiet))
            names = [f"melody {number}" for number, _ in enumerate(texts, 1)]
            page = domain.player(title, names, texts, scores)
    else:
        inputs.check_paths([what])
        if drawn := inputs.given({**drawn, "particles": None if particles == 1 else particles}):
            raise UserError(f"{what} is no run: its melodies are played as they are; leave out {' and '.join(drawn)}")
        domain = make_domain({"name": "music"}).played(played)
        names, texts = _of_file(domain, Path(what), num)
        with make_reward(domain, reward or "") as scores:
            page = domain.player(title, names, texts, scores)
    return write_page(Path(out), page)


def _of_file(domain: Domain, path: Path, num: int) -> tuple[list[str], list[str]]:
    """Names and texts of the first melodies of a file. Raises UserError if it has none that can be read."""
    records, left_out, rejected = list[Record](), LeftOut(), Rejections()
    for item in domain.read(path):
        if isinstance(item, Rejected):
            rejected.append(item)
        else:
            left_out.add(item)
            records.append(item)
            if len(records) == num:
                break
    if not records:
        raise UserError(f"{path}: no melody in it that can be read; `seqtutor score {path} --domain music` says why")
    left_out.tell()
    if rejected.first is not None:
        LOG.warning(f"not read: {rejected.reasons()}; the first is {rejected.first.name}")
    return [record.name for record in records], [record.text for record in records]
