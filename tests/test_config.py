"""Configs: those that come with the repository, what is refused and in which words, overrides, round trips."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.config import VARIANT_NAMES, assignments, changed, from_tree, load, presets, to_tree
from seqtutor.errors import UserError
from tests.support.places import CONFIGS

FILES = sorted(CONFIGS.glob("*.yaml"))
MUSIC = {"domain": {"name": "music"}}


def error_of(make):
    with pytest.raises(UserError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    return message


def written(folder, text, name="my.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_config_of_the_repository_loads(path):
    """What the file says holds; what it extends holds otherwise."""
    config, said = load(path), yaml.safe_load(path.read_text())
    base = said.pop("extends", None)
    assert config.domain["name"] == path.stem.split("-")[0]
    tree = to_tree(config)
    inherited = to_tree(load(path.parent / base) if base else from_tree({"domain": said["domain"]}, "defaults"))
    for section, value in tree.items():
        if isinstance(value, dict):
            assert value == {**inherited[section], **said.get(section, {})}, section
        else:
            assert value == said.get(section, inherited[section]), section


def test_presets_are_there():
    assert {f"{domain}{kind}" for domain in ("music", "molecules") for kind in ("", "-published", "-quick")} <= {
        path.stem for path in FILES
    }


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"tune": {"round": 3}}, "unknown key 'tune.round' in x.yaml; did you mean tune.rounds"),
        ({"modle": {}}, "unknown key 'modle' in x.yaml; did you mean model"),
        ({"batch": 3}, "unknown key 'batch' in x.yaml; did you mean tune.batch, sample.batch, pretrain.b"),
        ({"sample": {"zzz": 1}}, "unknown key 'sample.zzz' in x.yaml; did you mean sample.batch, sample.primer"),
        ({"tune": {"variant": "phi"}}, "unknown variant 'phi' in x.yaml, tune.variant; did you mean psi?"),
        ({"model": {"cell": "rnn"}}, "unknown cell 'rnn' in x.yaml, model.cell; did you mean gru, lstm?"),
        ({"model": {"units": "many"}}, "x.yaml: model.units is 'many': input should be a valid integer"),
        ({"model": {"units": 1.5}}, "x.yaml: model.units is 1.5: input should be a valid integer"),
        ({"model": {"units": 0}}, "x.yaml: model.units is 0: every layer has at least 1 unit"),
        ({"model": {"units": [8, 8]}}, "x.yaml: model.units is [8, 8]: the list is for 2 layers, model.layers is 1"),
        ({"model": {"units": 10**6}}, "x.yaml: model.units is 1000000: a network of 4,000,000,000,000 weights"),
        ({"model": {"units": 4000, "layers": 3}}, "x.yaml: model.units is 4000: a network of 320,000,000 weights"),
        ({"tune": {"batch": 10**9}}, "x.yaml: tune.batch is 1000000000: input should be less than or equal to 65536"),
        ({"tune": {"buffer": 10**400}}, "x.yaml: tune.buffer is 1000000000"),
        ({"model": 8}, "x.yaml: model is 8: input should be"),
        ({"model": None}, "x.yaml: model is None: input should be"),
        ({"tune": {"c": 0}}, "x.yaml: tune.c is 0: input should be greater than 0"),
        ({"tune": {"c": float("nan")}}, "x.yaml: tune.c is nan"),
        ({"tune": {"c": 1e300}}, "x.yaml: tune.c is 1e+300: input should be from 1e-30 to 1e+30"),
        ({"sample": {"temperature": 1e-40}}, "x.yaml: sample.temperature is 1e-40: input should be from 1e-06"),
        ({"tune": {"c": float("inf")}}, "x.yaml: tune.c is inf: input should be a finite number"),
        ({"tune": {"discount": 1.1}}, "x.yaml: tune.discount is 1.1: input should be less than or equal to 1"),
        ({"data": {"validation": 0.5}}, "x.yaml: data.validation is 0.5: input should be less than 0.5"),
        ({"data": {"name": 5}}, "x.yaml: data.name is 5: input should be a valid string"),
        ({"seed": -1}, "x.yaml: seed is -1: input should be greater than or equal to 0"),
        ({"seed": 2**31}, "x.yaml: seed is 2147483648: input should be less than 2147483648"),
        ({"domain": "music"}, "x.yaml: domain is 'music': input should be a valid dictionary"),
        ({"domain": {}}, "x.yaml: domain.name is missing"),
        ({"domain": {"name": 3}}, "x.yaml: domain.name is missing"),
        ({"domain": {"name": "musik"}}, "unknown domain 'musik'; did you mean music?"),
        ({"domain": {"name": "music", "lenght": 9}}, "unknown key 'domain.lenght' in x.yaml; did you mean domain.l"),
        ({"domain": {"name": "music", "length": "x"}}, "x.yaml: domain.length is 'x', expected int"),
        ({"domain": {"name": "music", "length": True}}, "x.yaml: domain.length is True, expected int"),
        ({"domain": {"name": "molecules", "stereo": 1}}, "x.yaml: domain.stereo is 1, expected bool"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tree, says):
    assert error_of(lambda: from_tree({**MUSIC, **tree}, "x.yaml")).startswith(says)


def test_a_config_without_a_domain():
    assert error_of(lambda: from_tree({}, "x.yaml")) == "x.yaml: domain is missing"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1\nb: 2\n", "my.yaml, line 2: not valid YAML (expected"),
        ("a:\tb\n", "my.yaml, line 1: not valid YAML (found character"),
        ("\x00", "my.yaml: not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "my.yaml, line 1: not valid YAML (could not determine"),
        ("- music\n", "my.yaml: a config is a mapping of sections (seed, domain, data,"),
        ("", "my.yaml: a config is a mapping of sections"),
        ("[" * 5000, "cannot read config my.yaml: "),
        ("a: 2001-99-99", "cannot read config my.yaml: month must be in 1..12"),
        (f"a: {'9' * 5000}", "cannot read config my.yaml: "),
        ('extends: "\\0"', "unknown config file"),
        ("extends: my.yaml\n", "my.yaml: `extends` goes round in a circle"),
        ("extends: musik.yaml\n", "unknown config file"),
        ("extends: [a, b]\n", "unknown config file"),
    ],
)
def test_files_that_are_no_configs(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    assert error_of(lambda: load(written(Path(), text))).startswith(says)


def test_a_preset_by_its_name_and_one_that_extends_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load("music-quick") == load(CONFIGS / "music-quick.yaml")
    Path("music-quick").mkdir()  # as a run may be called
    assert load("music-quick") == load(CONFIGS / "music-quick.yaml")
    copy = written(Path(), (CONFIGS / "music-quick.yaml").read_text(), "mine.yaml")  # it extends music.yaml, not here
    assert load(copy) == load("music-quick")
    assert "did you mean music-quick" in error_of(lambda: load("music-quik"))
    assert set(presets()) == {path.stem for path in CONFIGS.glob("*.yaml")}


def test_dictionaries_and_configs(tmp_path):
    config = load({"extends": "chain", "tune": {"c": 2.0}}, {"tune.rounds": 5})
    assert (config.tune.c, config.tune.rounds, config.domain["name"]) == (2.0, 5, "chain")
    assert load(config) is config
    assert load(config, {"seed": 3}).seed == 3
    with pytest.raises(UserError, match=r"unknown key 'tune\.cc'"):
        load(config, {"tune.cc": 1})


def test_a_circle_of_two(tmp_path):
    written(tmp_path, "extends: b.yaml\n", "a.yaml")
    written(tmp_path, "extends: a.yaml\n", "b.yaml")
    assert "goes round in a circle" in error_of(lambda: load(tmp_path / "a.yaml"))


def test_missing_and_unreadable_files(tmp_path):
    music = written(tmp_path, "domain: {name: music}\n", "music.yaml")
    assert error_of(lambda: load(tmp_path / "musik.yaml")).endswith(f"musik.yaml'; did you mean {music}?")
    assert "did you mean" in error_of(lambda: load(tmp_path / "none" / "x.yaml"))
    assert error_of(lambda: load(tmp_path)).startswith(f"cannot read config {tmp_path}")
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9\n")
    assert "cannot read config" in error_of(lambda: load(tmp_path / "latin.yaml"))


def test_extends_is_relative_to_the_file_and_merges_by_key(tmp_path):
    (tmp_path / "below").mkdir()
    written(tmp_path, "domain: {name: music, length: 16}\ntune: {c: 2.0, rounds: 7}\nseed: 3\n", "base.yaml")
    written(tmp_path, "extends: base.yaml\ntune: {c: 3.0}\n", "middle.yaml")
    config = load(written(tmp_path, "extends: ../middle.yaml\ntune: {batch: 5}\n", "below/my.yaml"))
    assert (config.tune.c, config.tune.rounds, config.tune.batch, config.seed) == (3.0, 7, 5, 3)
    assert config.domain == {"name": "music", "length": 16}


@pytest.mark.parametrize("text", ["2.5e-5", "2.5e-05", "25e-6", "0.000025", ".25e-4"])
def test_every_way_to_write_a_small_number(tmp_path, text):
    """YAML 1.1 takes 25e-6 for text."""
    path = written(tmp_path, f"domain: {{name: music}}\npretrain: {{weight_decay: {text}}}\n")
    assert load(path).pretrain.weight_decay == 2.5e-5
    assert load(path, assignments([f"tune.weight_decay={text}"])).tune.weight_decay == 2.5e-5


def test_overrides(tmp_path):
    path = written(tmp_path, "domain: {name: music}\ntune: {c: 2.0, rounds: 7}\n")
    items = ("tune.c=0.5", "seed=4", "model.units=9", "domain.length=8", "data.name=a=b", "tune.c=0.25")
    config = load(path, assignments(items))
    assert (config.tune.c, config.tune.rounds) == (0.25, 7)  # the last one counts
    assert (config.seed, config.model.units) == (4, 9)
    assert (config.domain["length"], config.data.name) == (8, "a=b")
    assert changed(config, {"sample.batch": 3}, "x").sample.batch == 3
    assert to_tree(changed(config, {}, "x")) == to_tree(config)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("tune.c", "--set tune.c: write it as section.key=value"),
        ("tune.c.d=1", "tune.c.d=1: 'c' is not a section"),
        ("tune.c=[", "--set tune.c=[: the value is not valid YAML"),
        ("tune.c=", "my.yaml: tune.c is None"),
        ("tune.cc=1", "unknown key 'tune.cc' in my.yaml; did you mean tune.c"),
        ("c=1", "unknown key 'c' in my.yaml"),
        ("=1", "unknown key '' in my.yaml"),
    ],
)
def test_overrides_that_are_wrong(tmp_path, monkeypatch, item, says):
    monkeypatch.chdir(tmp_path)
    path = written(Path(), "domain: {name: music}\ntune: {c: 1.0}\n")
    assert error_of(lambda: load(path, assignments([item]))).startswith(says)


@given(
    seed=st.integers(0, 2**31 - 1), c=st.floats(1e-9, 1e9), variant=st.sampled_from(VARIANT_NAMES),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C"])), length=st.integers(1, 99),
)  # fmt: skip
def test_round_trip_through_yaml(seed, c, variant, name, length):
    domain = {"name": "music", "length": length}
    tree = {"seed": seed, "domain": domain, "data": {"name": name}, "tune": {"c": c, "variant": variant}}
    config = from_tree(tree, "x")
    assert (config.tune.c, config.data.name) == (c, name)
    text = yaml.safe_dump(to_tree(config), sort_keys=False)
    assert from_tree(yaml.safe_load(text), "x") == config


def test_configs_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        from_tree(MUSIC, "x").seed = 1
