"""Templates: what a value may do in them, where they are read, and the policy of the pages."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import jinja2
import numpy as np
import pytest

from seqtutor.domains.music import player, rating_page
from seqtutor.domains.music.meter import COMMON_TIME
from seqtutor.domains.music.playing import Playing
from seqtutor.errors import UserError
from seqtutor.system.templates import rendered, write_page
from tests.support.places import ROOT

EVIL = "\"'></script><script>alert(1)</script><b onclick={{ 7 * 7 }} &amp;"
TEMPLATES = sorted(path.relative_to(ROOT / "seqtutor").as_posix() for path in (ROOT / "seqtutor").rglob("*.html"))


class Elements(HTMLParser):
    """The elements of a page: names, attributes as (name, value), and the texts of scripts."""

    def __init__(self, page):
        super().__init__()
        self.names, self.attributes, self.scripts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if self.lasttag == "script" and data.strip():
            self.scripts.append(data)


def play_page(name):
    tokens = np.array([20, 0, 30, 0])
    return player.page(name, [name], [tokens], [{name: np.array([1.0, 0, -1, 0])}], COMMON_TIME, Playing())


def rate_page(name):
    return rating_page.page(name, [("C4 hold", "E4 off")], COMMON_TIME, Playing())


@pytest.mark.parametrize("page", [play_page, rate_page])
def test_a_hostile_name_is_text_wherever_it_is(page):
    """In headings, attributes, tables, drawings and JSON: the elements are those of a harmless name."""
    hostile, harmless = Elements(page(EVIL)), Elements(page("x"))
    assert hostile.names == harmless.names and hostile.names.count("script") == 2
    assert [name for name, _ in hostile.attributes] == [name for name, _ in harmless.attributes]
    text = page(EVIL)
    assert "alert(1)" in text and "{{ 7 * 7 }}" in text
    assert any(EVIL in (value or "") for _, value in hostile.attributes) == (page is play_page)


@pytest.mark.parametrize("page", [play_page, rate_page])
def test_the_policy_lets_the_one_script_run_and_nothing_else(page):
    found = Elements(page(EVIL))
    (policy,) = [value for name, value in found.attributes if name == "content" and "default-src" in value]
    digest = b64encode(sha256(found.scripts[-1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="sound"):
        rendered("domains/music/figure.html", roll="")


def test_templates_are_read_from_the_package_alone(tmp_path, monkeypatch):
    """Not from the folder the process runs in, nor from above the package."""
    before = rate_page("x")
    for name in ("mine.html", *TEMPLATES):
        write_page(tmp_path / name, "hostile")
    monkeypatch.chdir(tmp_path)
    assert rate_page("x") == before
    for name in ("mine.html", "./mine.html", "../setup.py", str(tmp_path / "mine.html")):
        with pytest.raises(jinja2.TemplateNotFound):
            rendered(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_lets_a_value_through_as_it_is(name):
    text = (ROOT / "seqtutor" / name).read_text(encoding="utf-8")
    for code in re.findall(r"{[{%].*?[}%]}", text):
        assert not re.search(r"\b(safe|autoescape|Markup|xmlattr)\b", code), code
    assert not re.search(r"https?:|url\(|@import|\son\w+=", text)


def test_a_page_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another --out"):
        write_page(tmp_path / "file" / "page.html", "")
    assert write_page(tmp_path / "new" / "page.html", "é").read_text(encoding="utf-8") == "é"
