"""What is for the owner of the server only, below /admin: the whole state of the server, and the runs' reports."""

import re
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from serve.api_error import ApiError
from serve.catalog import Catalog
from serve.generation import Generations
from serve.metrics import CONTENT_TYPE
from tasks.home import Home

RUN = re.compile(r"[A-Za-z0-9_-]{1,80}")  # what is no run's name must not become a path
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups"
)


def add_admin(app: FastAPI, catalog: Catalog, generations: Generations, home: Home) -> None:
    """Adds the endpoints; access.py asks for a key of that scope."""

    @app.get("/admin/status")
    async def status() -> dict[str, Any]:
        slots, main = generations.slots, catalog.main
        return {
            "status": "behind its alias" if main.trouble else "ok",
            "why": main.trouble,
            "model": main.model,
            "version": main.served.name,
            "engine": main.served.engine.name,
            "precision": main.served.engine.precision,
            "loaded": catalog.loaded,
            "slots": slots.count,
            "answers_in_progress": slots.in_use,
            "requests_waiting": slots.waiting,
            "limits": generations.limits.model_dump(),
        }

    @app.get("/metrics")
    async def metrics() -> Response:
        slots = generations.slots
        gauges = {
            "triptych_slots": ("Answers that can be made at once.", slots.count),
            "triptych_answers_in_progress": ("Slots in use.", slots.in_use),
            "triptych_requests_waiting": ("Requests that wait for a slot.", slots.waiting),
            "triptych_models_loaded": ("Models in memory.", len(catalog.loaded)),
        }
        return Response(generations.metrics.text(gauges), media_type=CONTENT_TYPE)

    @app.get("/admin/reports/{run}")
    async def report(run: str) -> Response:
        page = home.reports / f"{run}.html"
        if not RUN.fullmatch(run) or not page.is_file():
            raise ApiError(404, f"no report of run {run[:80]!r}; triptych report makes it", "not_found")
        return HTMLResponse(page.read_bytes(), headers={"content-security-policy": REPORT_POLICY})
