"""The page: one HTML file that is always asked for anew, and assets whose names change with their content."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
    )
)

_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Propylon</title>
<h1>The page is not built</h1>
<p>The server runs. Build the page with <code>scripts/build</code> (needs Node 20.19 or newer), then reload.</p></html>"""


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def find_page(package: Path) -> Path | None:
    """The page inside the installed package, else the one built in a checkout, else None."""
    for folder in (package / "web" / "page", package.parent.parent / "frontend" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    return None


def install(app: FastAPI, page: Path | None) -> None:
    if page is not None and (page / "assets").is_dir():
        app.mount("/assets", _Assets(directory=page / "assets"))

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        if page is None:
            return HTMLResponse(_MISSING, 503, headers=headers)
        return FileResponse(page / "index.html", headers=headers)

    @app.get("/{name}", include_in_schema=False)
    async def beside(name: str) -> Response:
        """Icons and the manifest beside the page."""
        file = page / name if page is not None else None
        if file is None or name.startswith(".") or not file.is_file():
            return Response('{"error":"Not found"}', 404, media_type="application/json")
        return FileResponse(file, headers={"Cache-Control": "no-cache"})
