"""A hub's HTTP on loopback: what huggingface_hub asks of one, answered from memory, with the faults of a test."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

LARGE = (".safetensors", ".gguf", ".bin")  # kept by LFS, whose SHA-256 a hub states


@dataclass
class Repo:
    """Commits of one repository: commit → file → its bytes."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    card: dict[str, Any] = field(default_factory=dict)
    token: str = ""  # that may see it; "": everybody
    gated: bool = False  # its files are refused


@dataclass
class Hub:
    """The repositories, what was asked, and the faults."""

    repos: dict[str, Repo] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # "GET /path", with "bytes=N-" where a part was asked
    cuts: list[int] = field(default_factory=list)  # the next transfers of large files end after so many bytes
    ranges: bool = True
    lists_files: bool = True  # with a model; else its tree does
    damage: str = ""  # the file whose bytes arrive changed
    url: str = ""

    def add(self, name: str, folder: Path, commit: str = "a" * 40, **facts: Any) -> Repo:
        """A repository of the files in a folder."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self.repos[name] = Repo({commit: files}, {"main": commit}, **facts)
        return self.repos[name]

    def downloads(self) -> list[str]:
        """The names of files that were asked for, in order."""
        return [line.rpartition("/")[2] for line in self.asked if line.startswith("GET") and "/resolve/" in line]


@contextmanager
def hub_server() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            answer(self, hub, is_head=True)

        def do_GET(self) -> None:
            answer(self, hub, is_head=False)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, hub: Hub, is_head: bool) -> None:
    part = request.headers.get("Range", "")
    hub.asked.append(f"{request.command} {part} {request.path}".replace("  ", " "))
    path = unquote(request.path.partition("?")[0])
    is_api = path.startswith("/api/models/")
    name = "/".join(path.removeprefix("/api/models/").strip("/").split("/")[:2])
    repo = hub.repos.get(name)
    if repo is None or (repo.token and request.headers.get("Authorization") != f"Bearer {repo.token}"):
        return refuse(request, 401, "RepoNotFound")
    rest = path.partition(name)[2].replace("/tree/", "/revision/")
    revision, _, file = rest.removeprefix("/revision/" if is_api else "/resolve/").partition("/")
    if is_api and "/" in rest.removeprefix("/revision/"):
        revision = rest.removeprefix("/revision/")
    commit = repo.branches.get(revision, revision)
    if commit not in repo.commits:
        return refuse(request, 404, "RevisionNotFound")
    files = repo.commits[commit]
    if is_api:
        tree = [{"type": "file", "path": file, "oid": "0" * 40, "size": len(files[file])} for file in files]
        siblings = [{"rfilename": file} for file in files] if hub.lists_files else None
        about = {"id": name, "sha": commit, "siblings": siblings, "cardData": repo.card}
        return send(request, json.dumps(tree if "/tree/" in path else about).encode())
    if repo.gated:
        return refuse(request, 403, "GatedRepo")
    if file not in files:
        return refuse(request, 404, "EntryNotFound")
    return send_file(request, hub, (commit, file, files[file]), part if hub.ranges else "", is_head)


def send_file(
    request: BaseHTTPRequestHandler, hub: Hub, stored: tuple[str, str, bytes], part: str, is_head: bool
) -> None:
    commit, file, content = stored
    is_large = file.endswith(LARGE)
    etag = hashlib.sha256(content).hexdigest() if is_large else hashlib.sha1(content).hexdigest()
    headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if is_large:
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
    body = content if hub.damage != file else bytes([content[0] ^ 1]) + content[1:]
    begin = int(part.removeprefix("bytes=").partition("-")[0]) if part else 0
    if part:
        headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
    end = begin + hub.cuts.pop(0) if hub.cuts and is_large and not is_head else len(body)
    send(request, body[begin:], 206 if part else 200, headers, b"" if is_head else body[begin:end])


def send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
    sent: bytes | None = None,
) -> None:
    request.send_response(status)
    for key, value in {**(headers or {}), "Content-Length": str(len(body)), "Connection": "close"}.items():
        request.send_header(key, value)
    request.end_headers()
    request.wfile.write(body if sent is None else sent)


def refuse(request: BaseHTTPRequestHandler, status: int, code: str) -> None:
    send(request, b"{}", status, {"X-Error-Code": code}, b"{}" if request.command == "GET" else b"")
