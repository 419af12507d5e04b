"""Files of molecules: SMILES across batches, an SVG a molecule, PNG sheets; the invalid ones too."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from seqtutor.domains.molecules import Molecules
from seqtutor.domains.molecules.smiles import tokenize

TEXTS = ["CC(=O)Oc1ccccc1C(=O)O", "C1CC(N", "", "C[C@H](O)[13CH3]", "CN(C)(C)C", "CC(=O)[O-].[Na+]"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def domain():
    return Molecules().with_vocabulary(symbol for text in TEXTS for symbol in tokenize(text))


def batch(domain, texts):
    rows = [domain.encode(text) for text in texts]
    tokens = np.full((len(rows), max(map(len, rows))), domain.vocabulary.pad, np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    return tokens, np.array([len(ids) for ids in rows], np.int32)


def png_size(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


def test_smi_holds_every_batch_and_starts_anew_at_index_0(domain, tmp_path):
    write = domain.writers()["smi"]
    (tmp_path / "samples.smi").write_text("left from before\n")
    assert write(*batch(domain, TEXTS[:2]), tmp_path, 0) == [tmp_path / "samples.smi"] * 2
    write(*batch(domain, TEXTS[2:]), tmp_path, 2)
    assert (tmp_path / "samples.smi").read_bytes().decode() == "".join(text + "\n" for text in TEXTS)


def test_svg_draws_each_molecule_and_says_which_are_invalid(domain, tmp_path, capfd):
    paths = domain.writers()["svg"](*batch(domain, TEXTS), tmp_path, 7)
    assert [path.name for path in paths] == [f"molecule-{number:05d}.svg" for number in range(8, 14)]
    for path, text in zip(paths, TEXTS, strict=True):
        root = ElementTree.parse(path).getroot()
        assert root.tag == SVG + "svg"
        said = [span.text or "" for span in root.iter(SVG + "tspan")]
        if text in ("C1CC(N", "", "CN(C)(C)C"):
            assert said[0] == "not a valid SMILES:" and "".join(said[1:]) == text
        else:
            bonds = {element.get("class") for element in root.iter(SVG + "path")} - {None}
            assert not said and any("bond" in name for name in bonds)
    assert capfd.readouterr().err == ""


def test_svg_escapes_what_it_quotes_and_breaks_long_lines(tmp_path):
    symbols = ["<end>", "<&>"]
    domain = Molecules().with_vocabulary(symbols)
    tokens, lengths = np.full((1, 20), 1, np.int32), np.array([20])
    (path,) = domain.writers()["svg"](tokens, lengths, tmp_path, 0)
    said = [span.text for span in ElementTree.parse(path).getroot().iter(SVG + "tspan")]
    assert "".join(said[1:]) == "<&>" * 20 and max(map(len, said)) == 32


def test_png_sheets_hold_25_and_are_named_after_their_first_molecule(domain, tmp_path):
    paths = domain.writers()["png"](*batch(domain, TEXTS * 5), tmp_path, 50)
    assert [path.name for path in paths] == ["molecules-00051.png"] * 25 + ["molecules-00076.png"] * 5
    assert png_size(paths[0]) == (1200, 1200) and png_size(paths[-1]) == (1200, 240)


def test_png_differs_where_a_molecule_differs(domain, tmp_path):
    """Every panel counts: changing any one molecule, or making it invalid, changes the sheet."""
    write, sheets = domain.writers()["png"], set()
    variants = [TEXTS, *([*TEXTS[:i], "CO", *TEXTS[i + 1 :]] for i in range(len(TEXTS)))]
    for start, texts in enumerate(variants):
        folder = tmp_path / str(start)
        folder.mkdir()
        sheets.add(write(*batch(domain, texts), folder, 0)[0].read_bytes())
    assert len(sheets) == len(variants)
