"""The files of the pages, which are open to all: they hold nothing of the home."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import FastAPI
from starlette.responses import Response

KINDS = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}
SHARED = ("page.css", "icon.svg", "call.js", "markdown.js")
CHAT = ("page.js", "api.js", "conversation.js", "feedback.js", "settings.js", "turns.js")
ARENA = ("arena.css", "arena.js")
CHAT_PAGE = {"/": "index.html", **{f"/{name}": name for name in (*SHARED, *CHAT)}}  # path → file
ARENA_PAGE = {"/": "arena.html", **{f"/{name}": name for name in (*SHARED, *ARENA)}}


def serve_page(app: FastAPI, page: Mapping[str, str]) -> None:
    """Adds the routes of its files."""
    folder = files("serve") / "page"
    for path, name in page.items():
        file = Response((folder / name).read_bytes(), media_type=KINDS[PurePosixPath(name).suffix])
        app.add_route(path, lambda _, file=file: file)
