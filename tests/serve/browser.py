"""A headless Chromium, told what to do through its own DevTools protocol: no driver and no package of browsers."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 20.0


def chromium() -> str | None:
    """The first of the usual programs that is installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """One tab, as its user sees it."""

    def __init__(self, socket: Connection) -> None:
        self._socket, self._sent = socket, 0
        self.requested: list[str] = []  # addresses of all that the page has asked for
        self.complaints: list[str] = []  # what it wrote on its console, refusals of its policy among them
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command; events that come before it are noted."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=SECONDS))
            if message.get("id") == self._sent:
                assert "error" not in message, message
                return message["result"]
            self._note(message["method"], message["params"])

    def open(self, url: str) -> None:
        self.tell("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives."""
        found = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, condition: str) -> Any:
        """The first value of the expression that is true."""
        until = time.monotonic() + SECONDS
        while not (found := self.value(condition)):
            assert time.monotonic() < until, f"never came true: {condition}\n{self.value('document.body.innerText')}"
        return found

    def write(self, text: str) -> None:
        """As if typed where the focus is."""
        self.tell("Input.insertText", text=text)

    def press(self, key: str) -> None:
        code = {"Enter": 13, "Tab": 9, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.tell("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def picture(self, file: Path, width: int, height: int, scheme: str = "light") -> None:
        """The page as a screen of that size shows it."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        file.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot")["data"]))

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(about["exceptionDetails"]["text"])


@contextmanager
def page(program: str, folder: Path) -> Iterator[Page]:
    """A tab of a Chromium whose profile lies in `folder`; both are gone afterwards."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}")
    process = subprocess.Popen([program, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(folder / "DevToolsActivePort"), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(SECONDS)


def _tab(port_file: Path) -> str:
    until = time.monotonic() + SECONDS
    while not (port_file.exists() and port_file.read_text().strip()):
        assert time.monotonic() < until, "Chromium did not start"
        time.sleep(0.05)
    port = port_file.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as reply:
        return next(tab["webSocketDebuggerUrl"] for tab in json.load(reply) if tab["type"] == "page")
