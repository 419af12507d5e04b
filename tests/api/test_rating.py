"""`rate`: the page of pairs, in headless Chromium too, and a reward that is learned from what it saves."""

import json
import re
import urllib.parse

import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.api.test_training import error_of
from tests.support.browser import CHROMIUM, browser, named_controls
from tests.support.commands import untrained

FEW = {"tune.rounds": 1, "tune.batch": 4, "tune.minibatch": 4, "tune.variant": "g"}


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    """An untrained prior of melodies."""
    path = tmp_path_factory.mktemp("rated") / "prior"
    untrained(path, "music")
    return path


@pytest.fixture(scope="module")
def page(prior, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "rate.html"
    assert command(["rate", str(prior), "--num", "12", "--tempo", "240", "--out", str(file), "--quiet"]) == 0
    return file


@pytest.fixture
def ratings(page, tmp_path):
    """The file that the page saves of a rater who likes the melody with more notes."""
    pairs = re.findall(r'<section data-left="(.*?)" data-right="(.*?)">', page.read_text())
    notes = [[text.count("4") + text.count("5") for text in pair] for pair in pairs]
    rows = [f"{a},{b},{'left' if x >= y else 'right'}" for (a, b), (x, y) in zip(pairs, notes, strict=True)]
    (tmp_path / "ratings.csv").write_text("\n".join(["left,right,better", *rows, ""]))
    return tmp_path / "ratings.csv"


def test_the_pairs_are_the_run_s_samples(prior, page):
    text = page.read_text()
    pairs = re.findall(r'<section data-left="(.*?)" data-right="(.*?)">', text)
    assert [each for pair in pairs for each in pair] == list(st.load_run(prior).sample(24, quiet=True))
    assert len(json.loads(re.findall(r'id="melodies">(.*?)</script>', text)[0])) == 24
    assert not re.search(r"https?://|src=", text)


def test_what_choices_say(ratings, capsys):
    assert command(["rate", str(ratings)]) == 0
    first, more, less, unit = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"12 choices; \d+ % of them predicted.*50 % is chance", first.replace("%", " %").replace("  ", " ")
    )
    assert more.startswith("more of: ") and less.startswith("less of: ") and "nats" in unit
    assert st.fit_ratings(ratings).num == 12
    assert command(["rate", str(ratings), "--bars", "4", "--num", "9", "--quiet"]) == 2
    assert "holds choices: no melodies are drawn for it; leave out --bars and --num" in capsys.readouterr().err


def test_choices_are_a_reward(prior, ratings, tmp_path):
    tuned = st.tune(prior, reward=str(ratings), settings=FEW, out=tmp_path / "run", quiet=True)
    assert tuned.config.tune.reward == str(ratings)
    again = st.load_run(tuned.path).sample(4, particles=4, c=1.0, quiet=True).to_pandas()
    assert {"rules", "notes", "total"} <= set(again)
    assert "seqtutor" in st.play(tuned.path, num=1, out=tmp_path / "a.html", quiet=True).read_text()
    ratings.write_text(ratings.read_text().replace("left\n", "right\n"))
    said = error_of(st.tune, prior, reward=str(ratings), settings=FEW, out=tmp_path / "run", resume=True, quiet=True)
    assert "the reward file has changed" in said
    ratings.unlink()
    assert "cannot read the reward file" in error_of(
        st.tune, prior, reward=str(ratings), settings=FEW, out=tmp_path / "x", quiet=True
    )


@pytest.mark.slow
def test_weak_choices_are_told_once_a_command(prior, ratings, tmp_path, caplog):
    texts = ratings.read_text().replace("right\n", "left\n").splitlines()
    ratings.write_text("\n".join([texts[0], *(line.replace("left", "right") if i % 2 else line
                                              for i, line in enumerate(texts[1:]))]))  # fmt: skip
    for does in (
        lambda: st.play(prior, num=2, reward=str(ratings), out=tmp_path / "a.html", quiet=True),
        lambda: st.evaluate([prior, f"{ratings}:left"], num=4, reward=str(ratings), quiet=True),
        lambda: st.report(prior, num=4, reward=str(ratings), out=tmp_path / "b.html", quiet=True),
    ):
        caplog.clear()
        does()
        assert len([said for said in caplog.messages if "rate more" in said]) == 1


def test_molecules_are_not_chosen_between():
    assert "sequences of domain 'molecules' cannot be rated" in error_of(st.rate, "molecules", num=1, quiet=True)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_in_the_browser(page):
    """By keyboard: melodies play, a choice is made, pairs go by, and what is saved is what was chosen."""

    def key(name):
        return f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: '{name}'}}))"

    visible = "[...document.querySelectorAll('section')].findIndex(each => !each.hidden)"
    with browser() as tab:
        tab.open(page, 390)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.run(visible) == 0 and tab.run("save.disabled")
        assert tab.run(f"{key('b')}, playing.button === document.querySelectorAll('article button')[1]")
        assert tab.run(f"{key('1')}, {key('n')}, {visible}") == 1 and tab.run("playing === null")
        assert tab.run(f"{key('2')}, {key('n')}, {key('0')}, document.getElementById('count').textContent") == (
            "3 of 12 answered"
        )
        assert tab.run("document.activeElement.textContent") == "Pair 3 of 12"
        saved = tab.run("""(() => {
            let saved = "";
            HTMLAnchorElement.prototype.click = function () { saved = this.download + " " + this.href; };
            save.click();
            return saved;
        })()""")
        name, _, address = saved.partition(" ")
        rows = urllib.parse.unquote(address.removeprefix("data:text/csv;charset=utf-8,")).splitlines()
        assert name == "ratings.csv" and rows[0] == "left,right,better"
        assert [row.rpartition(",")[2] for row in rows[1:]] == ["left", "right", ""]
        assert tab.complaints() == [] and not tab.run("unsaved")
        assert {"Which is better?", "A", "B", "neither", "play or stop melody A"} <= set(named_controls(tab))
        assert [address.partition(":")[0] for address in tab.addresses()] == ["file"]
