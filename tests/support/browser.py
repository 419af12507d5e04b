"""Headless Chromium for tests, spoken to over a pipe by its DevTools protocol: a JSON message, a zero byte."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """A tab. `events` holds what the browser told of it and no one has read: dicts of `method` and `params`."""

    def __init__(self, write: Any, read: Any):
        self._write, self._read, self._number, self._session = write, read, 0, None
        self.events: deque[dict] = deque()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict:
        """Sends a command and waits for its answer. Raises RuntimeError if the browser refuses it."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        self._write.write(json.dumps({"id": self._number, "method": method, "params": params, **session}).encode())
        self._write.write(b"\0")
        self._write.flush()
        while (message := self._receive()).get("id") != self._number:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def _receive(self) -> dict:
        message = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has gone")
            message += byte
        return json.loads(message)

    def open(self, path: Path, width: int, dark: bool = False) -> None:
        """Loads a file at a width in pixels and waits until it is there, media included."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.run("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited, as if a user had clicked. Raises RuntimeError if it throws."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def complaints(self) -> list[dict]:
        """Uncaught exceptions and messages on the console since the page was opened."""
        names = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        return [event for event in self.events if event.get("method") in names]

    def addresses(self) -> list[str]:
        """All that the page asked for, the page itself included, data: addresses cut to their beginning."""
        asked = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [params["request"]["url"][:200] for params in asked]

    def picture(self, path: Path) -> None:
        """A PNG of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


CONTROLS = {"button", "checkbox", "radio", "link", "DisclosureTriangle"}


def named_controls(tab: Page) -> list[str]:
    """What a screen reader calls each control of the page, and each group that has a name. Fails for one without."""
    nodes = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    assert all(name for role, name in found if role in CONTROLS), found
    return [name for role, name in found if name and role in CONTROLS | {"group"}]


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a new browser that knows nothing of any other; ends with it."""
    to_browser, from_browser = os.pipe(), os.pipe()

    def third_and_fourth() -> None:  # where Chromium looks for its pipes
        kept = os.dup(to_browser[0]), os.dup(from_browser[1])
        os.dup2(kept[0], 3)
        os.dup2(kept[1], 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"], preexec_fn=third_and_fourth, close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser[0])
        os.close(from_browser[1])
        with os.fdopen(to_browser[1], "wb") as write, os.fdopen(from_browser[0], "rb") as read:
            try:
                yield Page(write, read)
            finally:
                process.terminate()
                process.wait(timeout=30)
