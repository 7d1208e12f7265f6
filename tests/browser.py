"""A real Chromium, driven over its DevTools pipe: the requests of a page, its messages, its layout on a screen."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions", "--no-first-run", "--hide-scrollbars")
AS_FDS = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)
SECONDS = 60.0  # to wait for an answer


def chromium() -> str | None:
    """The command of a Chromium on this machine; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab. `events` holds the messages that the browser sent of its own accord."""

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write
        self.numbers, self.rest = itertools.count(1), b""
        self.session, self.events = "", list[dict[str, Any]]()
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")

    def show(self, url: str, width: int = 1200, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Loads the page on a screen of that size."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media=media, features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.events.clear()
        self.send("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()

    def js(self, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> Any:
        """The first value of the expression that is true."""
        until = time.monotonic() + SECONDS
        while not (value := self.js(condition)):
            assert time.monotonic() < until, f"never came true: {condition}\n{self.js('document.body.innerText')}"
            time.sleep(0.02)
        return value

    def type(self, text: str) -> None:
        """As if typed where the focus is."""
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        code = {"Enter": 13, "Tab": 9, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def requests(self) -> list[str]:
        events = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in events]

    def complaints(self) -> list[str]:
        methods = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in methods]

    def picture(self, path: Path, whole: bool = True) -> None:
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.read], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self.read, 1 << 20)
            assert piece, "the browser has ended"
            self.rest += piece
        first, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(first)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A tab of a browser of its own, which is ended afterwards."""
    command = chromium()
    assert command, "no Chromium here"
    (their_read, our_write), (our_read, their_write) = os.pipe(), os.pipe()
    flags = [*FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    launcher = [sys.executable, "-c", AS_FDS, str(their_read), str(their_write), command, *flags]
    with (profile.parent / "chromium.log").open("wb") as log:
        process = subprocess.Popen(launcher, pass_fds=(their_read, their_write), stdout=log, stderr=log)
    os.close(their_read)
    os.close(their_write)
    try:
        page = Page(our_read, our_write)
        yield page
        page.session = ""
        page.send("Browser.close")
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(our_read)
        os.close(our_write)
