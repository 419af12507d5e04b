"""The page's style sheet and its one script: both are inside the page."""

from __future__ import annotations

from markupsafe import Markup

# Colours of runs 0 .. 7 on light and on dark; further ones begin again. Blue and orange first: they stay apart for
# every kind of colour vision.
LIGHT = ("#1f6fb4", "#c4560a", "#2b8a3e", "#a61e8f", "#6741d9", "#8a6d00", "#c92a2a", "#0b7285")
DARK = ("#6cb6ff", "#ff9f5a", "#69db7c", "#f783d8", "#b197fc", "#ffd43b", "#ff8787", "#3bc9db")

# At most one melody sounds at a time.
SCRIPT = (
    "document.addEventListener('play',function(e){document.querySelectorAll('audio').forEach("
    "function(a){if(a!==e.target)a.pause()})},true)"
)


def swatch(i: int) -> Markup:
    """A spot in the colour of run number i."""
    return Markup('<span class="swatch run{}"></span>').format(i % len(LIGHT))


def style() -> str:
    """The style sheet: light and dark by the reader's system, one column on a phone."""
    return _RULES.replace("/*light*/", _colours(LIGHT)).replace("/*dark*/", _colours(DARK)) + "".join(
        f".run{i}{{color:var(--run{i})}}" for i in range(len(LIGHT))
    )


def _colours(colours: tuple[str, ...]) -> str:
    return "".join(f"--run{i}:{colour};" for i, colour in enumerate(colours))


_RULES = """
:root{color-scheme:light dark;--back:#fff;--card:#f6f7f9;--text:#1c2329;--soft:#55606b;--line:#d5dae0;/*light*/}
@media(prefers-color-scheme:dark){
:root{--back:#14181c;--card:#1d2329;--text:#e4e8ec;--soft:#9aa6b2;--line:#37404a;/*dark*/}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0 0 .5rem}
p{margin:.4rem 0;max-width:48rem}
.soft,figcaption,small{color:var(--soft);font-size:.85rem}
code,pre{font:.82rem/1.45 ui-monospace,monospace}
code{overflow-wrap:anywhere}
pre{margin:.3rem 0;padding:.6rem;overflow:auto;max-height:24rem;background:var(--card);border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere}
h1,h2,h3,p,dd,summary,figcaption{overflow-wrap:anywhere}
details{margin:.4rem 0}
summary{cursor:pointer}
nav a{display:inline-block;margin-right:1rem;color:inherit}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.5rem 0}
.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;background:currentColor;margin-right:.4em}
.grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
.sides{display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));align-items:start;margin-top:.8rem}
.cards{display:grid;gap:.7rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}
figure{margin:0;padding:.6rem;background:var(--card);border-radius:8px;min-width:0}
figure.pair{display:grid;gap:.7rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr))}
figure.wide{max-width:30rem}
svg{display:block;width:100%;height:auto}
audio{display:block;width:100%;height:2.4rem;margin-top:.4rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:0 .8rem;margin:.3rem 0;font-size:.82rem}
dt{color:var(--soft)}
dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
.invalid{color:var(--soft);font-style:italic}
.table{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
tr:last-child>*{border-bottom:0}
tbody th,thead th:first-child{text-align:left;position:sticky;left:0;background:var(--back);font-weight:400}
td small,th small{display:block}
tr.group th{padding-top:.8rem;font-weight:600;position:sticky;left:0;text-align:left}
.mark{font-weight:700}
@media(max-width:40rem){th,td{padding:.25rem .4rem}tbody th{white-space:normal}}
"""
