"""Reports in headless Chromium: nothing on the console or from a network, no overflow, sound that plays, drawings."""

import pytest

from seqtutor.config import from_tree
from seqtutor.domains import domain_class
from seqtutor.reports.collect import BEST, FIRST
from tests.support.browser import CHROMIUM, browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

TUNE = "C4 hold hold hold E4 hold hold hold G4 hold hold hold E4 hold off hold "

DATA = {
    "music": [TUNE * 3] * 3,
    "molecules": ["CCO", "c1ccc2c(c1)CCN2C(=O)CBr", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "O=S(=O)(NCCF)c1cc(Cl)ncc1I"],
}
LETTERS = ("C", "N", "O", "S", "=", "Cl")  # of molecules; in a row, as an untrained network draws them, often valid


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The page of each domain: of an untrained prior and of a policy of other weights."""
    return {name: made(name, tmp_path_factory.mktemp(name)) for name in DATA}


def made(name, folder):
    """The page of one domain, whose two runs are below a folder."""
    from seqtutor.cli.main import run
    from seqtutor.policy.sequence_model import SequenceModel
    from seqtutor.runs import checkpoint
    from seqtutor.runs.run import checkpoint_meta
    from seqtutor.runs.run_folder import RunFolder

    (folder / "data.csv").write_text("name,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(DATA[name])))
    domain = domain_class(name)().with_vocabulary(LETTERS)
    paths = []
    for kind, groups in (("prior", ("prior",)), ("tuned", ("prior", "online"))):
        tree = {"domain": {"name": name}, "model": {"units": 8}, "sample": {"batch": 16}}
        config = from_tree({**tree, "data": {"name": str(folder / "data.csv")}}, "test")
        arrays = {
            group: SequenceModel(config.model, domain.vocabulary.size, seed).get() for seed, group in enumerate(groups)
        }
        of = RunFolder(folder / kind)
        of.create(config, {"kind": kind}, resume=False, force=False)
        of.history_file.write_text("step,loss,reward\n1,3,0\n2,2,1\n3,1,2\n")
        meta = {"kind": kind, **checkpoint_meta(config, domain)}
        checkpoint.save(of.checkpoints, checkpoint.Checkpoint(3, meta, checkpoint.join(**arrays)), best=True)
        paths.append(str(of.path))
    assert run(["report", *paths, "--num", "16", "--quiet"]) == 0
    return folder / "tuned" / "report.html"


@pytest.fixture(scope="module")
def tab():
    with browser() as page:
        yield page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", DATA)
def test_it_fits_and_is_silent_on_the_console(reports, tab, name, width, dark):
    tab.open(reports[name], width, dark)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []
    assert {address.split(":")[0] for address in tab.addresses()} <= {"file", "data"}
    back, text = (tab.run(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in (back, text)]
    assert (brightness[0] < brightness[1]) == dark


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_molecules_are_drawn_in_the_colour_of_the_text(reports, tab, width, dark):
    tab.open(reports["molecules"], width, dark)
    drawn = tab.run("""[...document.querySelectorAll('svg.molecule')].map(svg => {
        const box = svg.getBoundingClientRect(), bonds = [...svg.querySelectorAll('path')];
        return {
            visible: svg.checkVisibility() && box.width > 100 && box.height > 60,
            inside: box.left >= 0 && box.right <= innerWidth,
            colours: bonds.map(bond => getComputedStyle(bond)).flatMap(style => [style.stroke, style.fill]),
        };
    })""")
    assert drawn and all(molecule["visible"] and molecule["inside"] for molecule in drawn)
    text = tab.run("getComputedStyle(document.body).color")
    assert any(text in molecule["colours"] for molecule in drawn)
    assert not dark or all("rgb(0, 0, 0)" not in molecule["colours"] for molecule in drawn)


def test_every_melody_plays_and_the_one_before_stops(reports, tab):
    tab.open(reports["music"], 1280)
    state = tab.run("""(async () => {
        const all = [...document.querySelectorAll('audio')];
        await all[0].play(); await all[1].play();
        for (let i = 0; i < 100 && !all[1].currentTime; i++) await new Promise(done => setTimeout(done, 100));
        return {durations: all.map(a => a.duration), at: all[1].currentTime, paused: all.map(a => a.paused)};
    })()""")
    assert len(state["durations"]) == 2 * (FIRST // 2 + 2 * BEST)
    assert all(duration == pytest.approx(6.4, abs=0.05) for duration in state["durations"])
    assert state["at"] > 0
    assert state["paused"][:3] == [True, False, True]
    assert tab.complaints() == []
    assert reports["music"].stat().st_size < 10e6


def test_the_browser_would_have_complained(tab, tmp_path):
    """So that the silence above means something."""
    page = tmp_path / "bad.html"
    page.write_text('<p style="width:2000px">wide</p><script>console.error("no"); null.x</script>')
    tab.open(page, 390)
    assert tab.run("document.documentElement.scrollWidth") > 390
    assert {event["method"] for event in tab.complaints()} == {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
