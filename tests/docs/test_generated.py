"""Pages made from the program are as it is now, every setting is explained, and the schema refuses what is wrong."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

import seqtutor as st
from seqtutor.api.inputs import named_domain
from seqtutor.cli.main import commands
from seqtutor.config import VARIANT_NAMES, VARIANT_SUMMARIES, Config, assignments, load, presets, to_tree
from seqtutor.domains import domain_class
from seqtutor.kl_control.variants import VARIANTS
from tests.support.places import ROOT

sys.path.append(str(ROOT / "scripts"))
import generate_docs

CHECK = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/settings.schema.json").read_text()))


@pytest.fixture(scope="module")
def pages():
    """Made in a process of its own: click keeps of a command's help option what the first caller asked for."""
    code = "import json, generate_docs; print(json.dumps(generate_docs.pages()))"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    )
    return json.loads(made.stdout)


@pytest.mark.parametrize("name", ["cli.md", "settings.md", "settings.schema.json"])
def test_a_page_is_as_the_program_is(name, pages):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages[name], "run ./scripts/generate-docs"


def test_every_setting_has_a_meaning():
    for name, section in Config.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {name: section})
        assert all(field.description for field in fields.values()), name
    for name in generate_docs.DOMAINS:
        domain = domain_class(name)
        assert set(domain.option_meanings) == set(domain.defaults)


def test_every_command_has_an_example():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    titles = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert len(titles) > len(commands.list_commands(None)) and page.count("```bash\nseqtutor ") == len(titles)


def test_every_variant_has_a_line():
    assert tuple(VARIANT_SUMMARIES) == VARIANT_NAMES == tuple(VARIANTS)


@pytest.mark.parametrize("name", presets())
def test_the_schema_takes_a_preset_and_what_it_resolves_to(name):
    written = yaml.safe_load(presets()[name].read_text())
    assert not list(CHECK.iter_errors(written))
    assert not list(CHECK.iter_errors({**to_tree(load(name)), "run": {"kind": "prior"}}))


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"extends": "music", "tune": {"round": 3}},
        {"extends": "music", "tune": {"rounds": 0}},
        {"extends": "music", "tune": {"variant": "phi"}},
        {"extends": "music", "tune": {"c": 0}},
        {"extends": "music", "modle": {}},
        {"domain": {}},
        {"domain": {"name": "music", "stereo": True}},
        {"domain": {"name": "music", "length": "long"}},
    ],
)
def test_the_schema_refuses_what_the_config_refuses(tree):
    assert not CHECK.is_valid(tree)
    CHECK.validate({"extends": "music"})
    CHECK.validate({"domain": {"name": "towns", "length": 3}})  # the options of a domain of a user's own are not known


TAKES = {
    "pretrain": lambda settings, run: load("music", settings),
    "tune": lambda settings, run: st.tune(run, settings={**settings, "tune.rounds": 1}, quiet=True),
    "sweep": lambda settings, run: st.tune(run, settings={**settings, "tune.rounds": 1}, quiet=True),
    "benchmark": lambda settings, run: load("molecules-few-calls", settings),
    "sample": lambda settings, run: st.sample(run, 1, settings=settings, quiet=True),
    "evaluate": lambda settings, run: st.evaluate(run, num=2, settings=settings, quiet=True),
    "score": lambda settings, run: named_domain("music", settings),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKES)
def test_the_setting_in_a_help_text_is_one_that_the_command_takes(name, make_run):
    """The calls are what the command makes of its options."""
    command = commands.get_command(None, name)
    (text,) = (option.help for option in command.params if "--set" in option.opts)
    settings = assignments([re.search(r"e\.g\. (\S+);", text)[1]])
    assert len(settings) == 1
    assert TAKES[name](settings, make_run()) is not None  # it raises no UserError


def test_every_command_with_settings_is_among_these():
    listed = {name: commands.get_command(None, name) for name in commands.list_commands(None)}
    assert {name for name, one in listed.items() if any("--set" in option.opts for option in one.params)} == set(TAKES)
