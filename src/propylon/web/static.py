"""The page: one HTML file that is always asked for anew, and assets whose names change with their content."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from propylon.web.deps import Given, Who, reply
from propylon.web.security import addresses
from propylon.web.security.rules import PUBLIC, READS, declares

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
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
    """The page and its login for whom it concerns; the rest is the same for everybody and holds nothing of anybody."""
    if page is not None and (page / "assets").is_dir():
        app.mount("/assets", declares(PUBLIC)(_Assets(directory=page / "assets")))

    @app.get("/", include_in_schema=False)
    @declares(READS)
    async def index() -> Response:
        return _html(page, "index.html")

    @app.get("/login", include_in_schema=False)
    @declares(PUBLIC)
    async def login(request: Request, given: Given, who: Who) -> Response:
        if not given.accounts.enabled or who.login is not None:
            wanted = addresses.next_path(request.query_params.get("next"))
            return Response(status_code=302, headers={"Location": addresses.relative(wanted, "/login")})
        return _html(page, "login.html")

    @app.get("/openapi.json", include_in_schema=False)
    @declares(READS)
    async def interface() -> Response:
        return reply(app.openapi())

    for file in sorted(page.iterdir()) if page is not None else ():
        if file.is_file() and file.suffix != ".html" and not file.name.startswith("."):
            app.get(f"/{file.name}", include_in_schema=False)(_beside(file))


def _html(page: Path | None, name: str) -> Response:
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    if page is None:
        return HTMLResponse(_MISSING, 503, headers=headers)
    return FileResponse(page / name, headers=headers)


def _beside(file: Path) -> Callable[[], Awaitable[Response]]:
    """Icons and the manifest beside the page."""

    @declares(PUBLIC)
    async def beside() -> Response:
        return FileResponse(file, headers={"Cache-Control": "no-cache"})

    return beside
