"""The files of the chat page, which are open to all: they hold nothing of the home."""

from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response

SCRIPTS = ("page.js", "api.js", "conversation.js", "feedback.js", "markdown.js", "settings.js", "turns.js")
PAGE = {"/": "text/html", "/page.css": "text/css", "/icon.svg": "image/svg+xml"} | {
    f"/{name}": "text/javascript" for name in SCRIPTS
}


def serve_page(app: FastAPI) -> None:
    """Adds their routes."""
    folder = files("serve") / "page"
    for path, kind in PAGE.items():
        page = Response((folder / (path.strip("/") or "index.html")).read_bytes(), media_type=kind)
        app.add_route(path, lambda _, page=page: page)
