"""The page that plays melodies: what is in it, and in headless Chromium that it sounds, stops, and keeps."""

import json
import re

import numpy as np
import pytest

import seqtutor as st
from seqtutor.cli.main import run
from seqtutor.domains.music.earned import amount, table
from seqtutor.domains.music.html import NAMES, WIDTH
from seqtutor.domains.music.meter import Meter
from tests.api.test_training import error_of
from tests.support.browser import CHROMIUM, browser, named_controls

ABC = "X:1\nL:1/16\nK:C\nC4 E4 G4 c4 |\n\nX:2\nL:1/16\nK:C\nG8 z4 G,4 |\n"


@pytest.fixture
def page(tmp_path):
    (tmp_path / "two <tunes>.abc").write_text(ABC)
    file = tmp_path / "play.html"
    args = ["play", str(tmp_path / "two <tunes>.abc"), "--tempo", "120", "--out", str(file), "--quiet"]
    assert run(args) == 0
    return file


def test_it_opens_the_page(tmp_path, monkeypatch, capsys):
    """And names it, for there may be no browser."""
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    (tmp_path / "tunes.abc").write_text(ABC)
    assert run(["play", str(tmp_path / "tunes.abc"), "--out", str(tmp_path / "page.html"), "--open"]) == 0
    assert opened == [str((tmp_path / "page.html").resolve())] and (tmp_path / "page.html").exists()
    assert "page.html" in capsys.readouterr().out


def test_notes_and_seconds(page):
    text = page.read_text()
    (data,) = re.findall(r'id="melodies">(.*?)</script>', text)
    first, second = json.loads(data)
    assert first["notes"] == [[0, 0.5, 60], [0.5, 1, 64], [1, 1.5, 67], [1.5, 2, 72]] and first["seconds"] == 2
    assert second["notes"] == [[0, 1, 67], [1.5, 2, 55]]
    assert "two &lt;tunes&gt;.abc:1" in text and "<tunes>" not in text
    assert "http:" not in text and "https:" not in text


@pytest.mark.parametrize("reward", ["", "motif:0.5,tonic@clip/0/1:4,motif@clip/0/1,form(AA):2,key:-3"])
def test_what_the_rules_gave_adds_up_to_the_reward(tmp_path, reward):
    """For each melody of a file: by rule, by token, in the table and below the roll."""
    (tmp_path / "two.abc").write_text(ABC.replace("c4 |", "^c4 C16 |"))
    chosen = {"reward": reward} if reward else {}
    text = st.play(tmp_path / "two.abc", out=tmp_path / "a.html", **chosen).read_text()
    data = json.loads(re.findall(r'id="melodies">(.*?)</script>', text)[0])
    scored = st.score(tmp_path / "two.abc", domain="music", **chosen)
    tables = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    for melody, rows, (_, row) in zip(data, tables, scored.iterrows(), strict=True):
        sums = {name: sum(share) for name, share in melody["earned"].items()}
        assert sum(sums.values()) == pytest.approx(row["total"], abs=1e-4) and all(map(any, melody["earned"].values()))
        shown = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', rows))
        assert shown == {**{name: amount(value) for name, value in sums.items()}, "all": amount(sum(sums.values()))}
    bars = sum(value != 0 for melody in data for share in melody["earned"].values() for value in share)
    assert text.count('<rect class="plus"') + text.count('<rect class="minus"') == bars > 10


def test_a_long_tune_is_drawn_in_systems_of_four_bars(tmp_path):
    """Each sixteenth can be seen, and a note over the end of a system goes on in the next."""
    (tmp_path / "long.abc").write_text("X:1\nL:1/16\nK:C\n" + "CDEFGABcCDEFGABc|" * 3 + "C8 D12" + "CD" * 30 + "\n")
    text = st.play(tmp_path / "long.abc", out=tmp_path / "a.html").read_text()
    systems = [re.findall(r'width="(\S+)" \S+ class="note"', each) for each in text.split("<g transform")[1:]]
    assert [len(each) for each in systems] == [48 + 2, 1 + 60]
    step = (WIDTH - NAMES) / 64
    assert [float(each) for each in systems[0][-2:] + systems[1][:2]] == pytest.approx(
        [8 * step - 1, 8 * step - 1, 4 * step - 1, step - 1], abs=0.06
    )


def test_where_a_rule_gave_something_in_words():
    share = np.array([3, 0, 0, 0, -1, -1, -1, 0.5, 0, 0, 2, 2], np.float32)
    said = "bar 1: 1 +3, 5–7 −1 each, 8 +0.5; bar 2: 3–4 +2 each"
    assert table({"tonic": share}, Meter.named("2/4")) == [("tonic", "+4.5", said)]


def test_a_reward_of_no_known_sum_is_one_row(tmp_path):
    (tmp_path / "one.abc").write_text(ABC)
    (tmp_path / "mine.py").write_text("def notes(tokens, texts):\n    return [t.count('4') for t in texts]\n")
    file = st.play(tmp_path / "one.abc", reward=f"{tmp_path / 'mine.py'}:notes", out=tmp_path / "a.html")
    assert re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', file.read_text())[:2] == [
        ("notes", "+3"),
        ("all", "+3"),
    ]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_in_the_browser(page):
    with browser() as tab:
        tab.open(page, 390)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        button = "document.querySelectorAll('article button')"
        assert tab.run(f"{button}[0].click(), {button}[0].textContent") == "Stop"
        later = "new Promise(done => setTimeout(() => done(document.querySelector('progress').value), 700))"
        assert tab.run("context.state") == "running" and tab.run(later) > 0.1
        status = "document.querySelector('[role=status]').textContent"
        assert tab.run(status).startswith("playing ")
        assert tab.run(f"{button}[1].click(), {button}[0].textContent + {button}[1].textContent") == "PlayStop"
        assert tab.run(f"{button}[1].click(), {button}[1].textContent") == "Play" and tab.run("playing === null")
        assert tab.run("document.getElementById('kept').disabled")
        assert tab.run("document.querySelector('input').click(), !document.getElementById('kept').disabled")
        names = named_controls(tab)
        assert {name.partition(" two ")[0] for name in names if "two" in name} == {"play or stop", "keep", "MIDI of"}
        assert sum(name.startswith("What earned what: ") for name in names) == 2
        assert tab.complaints() == []
        assert [address.partition(":")[0] for address in tab.addresses()] == ["file"]


def test_of_a_run(tmp_path):
    assert st.play("music", num=2, bars=1, out=tmp_path / "deep" / "a.html", quiet=True) == tmp_path / "deep" / "a.html"
    text = (tmp_path / "deep" / "a.html").read_text()
    assert text.count("<article") == 2 and "<h1>seqtutor: music</h1>" in text


def test_what_does_not_sound(tmp_path):
    assert "'molecules' do not sound" in error_of(st.play, "molecules", out=tmp_path / "a.html", quiet=True)
    (tmp_path / "one.abc").write_text(ABC)
    said = error_of(st.play, tmp_path / "one.abc", bars=2, seed=1, out=tmp_path / "a.html")
    assert "is no run: its melodies are played as they are; leave out bars and seed" in said
    (tmp_path / "bad.abc").write_text("X:1\nK:C\nz4 |\n")
    assert "no melody in it that can be read" in error_of(st.play, tmp_path / "bad.abc", out=tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()
