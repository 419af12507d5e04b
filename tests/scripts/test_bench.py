"""scripts/bench: what it would measure can be called with what it says, and a measurement gives its figures."""

import inspect
import json
import subprocess
import sys

import pytest

from seqtutor.cli.main import commands
from tests.docs.test_docs import ROOT, parse

sys.path.append(str(ROOT / "scripts"))
import bench
import measure


def test_every_row_fits_the_measurement_it_names(tmp_path):
    rows = bench.networks(tmp_path) | bench.commands(tmp_path) | bench.growth() | bench.others()
    assert len(rows) > 50
    for measurement, *arguments in rows.values():
        inspect.signature(measure.MEASUREMENTS[measurement]).bind(1.0, *arguments)


def test_no_command_is_left_out_and_every_line_parses(tmp_path):
    lines = [words for _, program, *words in bench.commands(tmp_path).values() if program == "seqtutor"]
    for words in lines:
        if words != ["--help"]:
            parse(words)
    others = {
        "import-magenta",
        "import-reinvent",
        "convert-reinvent",
        "benchmark",
        "play",
        "rate",
    }  # need what is not there
    assert {words[0] for words in lines} == set(commands.list_commands(None)) - others | {"--help"}


def test_a_prior_of_the_caller_s_is_measured_by_its_domain(tmp_path):
    for domain, kind in (("music", "quality"), ("molecules", "rounds")):
        (tmp_path / "config.yaml").write_text(f"domain: {{name: {domain}}}\n")
        rows = bench.given(str(tmp_path))
        assert {measurement for measurement, *_ in rows.values()} == {kind}
        assert all(str(tmp_path) in name for name in rows)


@pytest.mark.slow
def test_a_measurement_prints_its_figures_as_json():
    call = [sys.executable, "scripts/measure.py", '["scoring", 0.01, "configs/music.yaml"]']
    done = subprocess.run(call, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["sequences/s"] > 1000
