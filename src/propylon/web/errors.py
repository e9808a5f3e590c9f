"""Errors become answers: one shape, `{"error": "<sentence>"}`, with a status and sometimes a code."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from propylon.errors import Busy, Changed, Invalid, NotFound, Stale, Unavailable
from propylon.web.deps import reply
from propylon.web.schemas import BusyProblem, ConflictProblem, Problem, StaleProblem

log = logging.getLogger(__name__)

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request makes no sense"},
    404: {"model": Problem, "description": "There is no such thing"},
}
"""What every route may answer."""

BUSY: dict[int | str, dict[str, Any]] = {409: {"model": BusyProblem, "description": "A run is live; join it"}}


STALE: dict[int | str, dict[str, Any]] = {
    409: {"model": StaleProblem, "description": "It was decided before"},
    503: {"model": Problem, "description": "The agent could not be reached just now"},
}

CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ConflictProblem, "description": "A run is live, or the session has changed since"}
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(Invalid, _invalid)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(Stale, _stale)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Changed, _changed)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _invalid(request: Request, error: Exception) -> Response:
    return reply({"error": str(error)}, 400)


async def _not_found(request: Request, error: Exception) -> Response:
    return reply({"error": str(error)}, 404)


async def _busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return reply({"error": str(error), "code": "busy", "active_stream_id": error.active_run}, 409)


async def _changed(request: Request, error: Exception) -> Response:
    assert isinstance(error, Changed)
    return reply({"error": str(error), "code": "changed", "revision": error.revision}, 409)


async def _stale(request: Request, error: Exception) -> Response:
    assert isinstance(error, Stale)
    return reply({"ok": False, "error": str(error), "code": "stale", "stale": True, "answer": error.answer}, 409)


async def _unavailable(request: Request, error: Exception) -> Response:
    return reply({"error": str(error), "code": "unavailable"}, 503)


async def _unfit(request: Request, error: Exception) -> Response:
    """Names the field and what is wrong with it; never repeats what was sent."""
    assert isinstance(error, RequestValidationError)
    problems = []
    for found in error.errors():
        field = ".".join(str(part) for part in found["loc"][1:]) or "body"
        problems.append(f"{field}: {found['msg'][:1].lower()}{found['msg'][1:]}")
    return reply({"error": "; ".join(problems), "code": "invalid"}, 400)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = reply({"error": str(error.detail)}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return reply({"error": "The server made a mistake; its log has the details", "code": "internal"}, 500)
