"""Melodies and molecules on a report's page, and what of the training data is nearest to them."""

import base64
import io
import re
import wave
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from seqtutor.domains.molecules import Molecules
from seqtutor.domains.music import Music
from seqtutor.domains.neighbours import Neighbour

TUNE = "C4 hold hold hold E4 hold off hold"
ADDRESSES = re.compile(r"https?:|xmlns|\bid=")


def roll_of(figure):
    svg = figure[: figure.index("</svg>") + 6]
    return ElementTree.fromstring(svg)


def notes_of(figure):
    boxes = [box.attrib for box in roll_of(figure).iter("rect") if box.get("class") == "note"]
    return [tuple(float(box[key]) for key in ("x", "y", "width")) for box in boxes]


def test_a_roll_has_a_box_a_note():
    (figure,) = Music().figures([TUNE])
    (x0, y0, w0), (x1, y1, w1) = notes_of(figure)
    step = (340 - 24) / 8
    assert (x0, w0) == pytest.approx((24.5, 4 * step - 1), abs=0.06)
    assert (x1, w1) == pytest.approx((24.5 + 4 * step, 2 * step - 1), abs=0.06)
    assert y0 - y1 == 4 * 5  # E4 stands four semitones above C4
    assert not ADDRESSES.search(figure)


@pytest.mark.parametrize("text", ["C3", "B5", "C3 B5", "off hold", "hold", " ".join(["C3", "B5"] * 64)])
def test_every_note_lies_inside_the_roll(text):
    (figure,) = Music().figures([text])
    _, _, width, height = map(float, roll_of(figure).get("viewBox").split())
    for x, y, w in notes_of(figure):
        assert 0 <= x <= x + w <= width and w > 0 and 0 <= y <= height - 5
    assert len(notes_of(figure)) == len(re.findall(r"[A-G]\d", text))


def test_the_sound_is_in_the_page():
    (figure,) = Music().figures(["A4 " + "hold " * 31])
    (data,) = re.findall(r'src="data:audio/wav;base64,([^"]+)"', figure)
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 11_025)
        assert file.getnframes() / 11_025 == pytest.approx(32 * 0.1875 + 0.4, abs=0.01)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    spectrum = np.abs(np.fft.rfft(sound[:11_025] * np.hanning(11_025)))
    assert np.argmax(spectrum) == 440
    assert len(figure) < 200_000  # so that a page of fifty melodies stays below 10 MB


def test_no_partial_is_folded_back():
    """At 11,025 samples a second B5 (988 Hz) has room for five partials; the sixth would sound at 5,098 Hz."""
    (figure,) = Music().figures(["B5 " + "hold " * 7])
    (data,) = re.findall(r'base64,([^"]+)"', figure)
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        sound = np.frombuffer(file.readframes(11_025), "<i2")
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / 11_025)
    fifth, folded = (power[np.abs(hertz - at) < 20].sum() for at in (5 * 987.77, 11_025 - 6 * 987.77))
    assert folded < 1e-3 * fifth


def test_the_nearest_stretch_of_the_training_melodies():
    music = Music()
    reference = music.reference(["C4 D4 E4 F4 G4", "A4 hold A4 hold"])
    how, found = music.nearest(["D4 E4 F4", "hold hold G4", "G4 A4 hold", "C4 " * 6], reference)
    assert found[0] == Neighbour("D4 E4 F4", 1.0)
    assert found[1] == Neighbour("E4 F4 G4", 1 / 3)  # the first of equals
    assert found[2].similarity < 1  # it stands there only across two melodies
    assert found[3] is None  # longer than any
    assert "2 training melodies" in how
    assert music.nearest(["C4"], music.reference([])).found == [None]


@pytest.fixture(scope="module")
def molecules():
    domain = Molecules()
    yield domain
    domain._pool.close()


def test_a_molecule_is_drawn_with_its_properties(molecules):
    aspirin, bad, evil = molecules.figures(["CC(=O)Oc1ccccc1C(=O)O", "C1CC(", "<b>"])
    svg = aspirin[: aspirin.index("</svg>") + 6]
    paths = [path.get("style", "") for path in ElementTree.fromstring(svg).iter("path")]
    assert sum("stroke:currentColor" in style for style in paths) > 6  # the colour of the text: seen on dark as well
    assert not re.search("#0{6}|#f{6}", svg, re.IGNORECASE)
    assert not ADDRESSES.search(aspirin)
    assert "<dt>logp</dt><dd>1.31</dd>" in aspirin and "<dt>qed</dt><dd>0.55</dd>" in aspirin
    assert "<dt>ring penalty</dt><dd>0</dd>" in aspirin
    assert "<code>CC(=O)Oc1ccccc1C(=O)O</code>" in aspirin
    assert "not valid" in bad and "<svg" not in bad
    assert "&lt;b&gt;" in evil and "<b>" not in evil


def test_the_nearest_training_molecule(molecules):
    reference = molecules.reference(["CCO", "Oc1ccccc1", "CCCCCCCC"])
    how, found = molecules.nearest(["OCC", "Cc1ccccc1O", "C1CC("], reference)
    assert found[0] == Neighbour("CCO", 1.0)  # the same molecule in another spelling
    assert found[1].text == "Oc1ccccc1" and 0.3 < found[1].similarity < 1
    assert found[2] is None
    assert "among 3 of 3" in how
