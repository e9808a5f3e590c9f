"""Errors become answers: one shape, `{"error": "<sentence>"}`, with a status and sometimes a code."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from propylon.errors import Busy, Changed, Invalid, NotAllowed, NotFound, Stale, TooOften, Unavailable, WrongPassword
from propylon.web.deps import reply
from propylon.web.schemas import BusyProblem, ConflictProblem, Problem, StaleProblem
from propylon.web.security.caller import KEY, caller_of
from propylon.web.security.refusal import Refusal

log = logging.getLogger(__name__)

_CODES = {400: "invalid", 404: "not_found", 405: "method"}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request makes no sense"},
    401: {"model": Problem, "description": "Log in first"},
    403: {"model": Problem, "description": "Not from another site, and not with this token"},
    404: {"model": Problem, "description": "There is no such thing"},
    413: {"model": Problem, "description": "The body is too large"},
    415: {"model": Problem, "description": "The body is not JSON"},
    421: {"model": Problem, "description": "Not under this name"},
    429: {"model": Problem, "description": "Too often; `Retry-After` says when again"},
    503: {"model": Problem, "description": "Not just now"},
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
    app.add_exception_handler(WrongPassword, _wrong_password)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(TooOften, _too_often)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _http)


def problem(request: Request, status: int, code: str, error: object, **more: Any) -> Response:
    """A sentence for a person, a code for a program, and what names the request in the log."""
    said = request.app.state.masking.value({"error": str(error), **more})
    return reply({**said, "code": code, "request_id": caller_of(request.scope).id}, status)


async def _invalid(request: Request, error: Exception) -> Response:
    return problem(request, 400, "invalid", error)


async def _not_found(request: Request, error: Exception) -> Response:
    return problem(request, 404, "not_found", error)


async def _busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return problem(request, 409, "busy", error, active_stream_id=error.active_run)


async def _changed(request: Request, error: Exception) -> Response:
    assert isinstance(error, Changed)
    return problem(request, 409, "changed", error, revision=error.revision)


async def _stale(request: Request, error: Exception) -> Response:
    assert isinstance(error, Stale)
    return problem(request, 409, "stale", error, ok=False, stale=True, answer=error.answer)


async def _unavailable(request: Request, error: Exception) -> Response:
    return problem(request, 503, "unavailable", error)


async def _wrong_password(request: Request, error: Exception) -> Response:
    return problem(request, 401, "wrong_password", error, ok=False)


async def _not_allowed(request: Request, error: Exception) -> Response:
    return problem(request, 409, "not_allowed", error)


async def _too_often(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooOften)
    answer = problem(request, 429, "too_often", error, ok=False)
    answer.headers["Retry-After"] = str(error.after)
    return answer


async def _unfit(request: Request, error: Exception) -> Response:
    """Names the field and what is wrong with it; never repeats what was sent."""
    assert isinstance(error, RequestValidationError)
    problems = []
    for found in error.errors():
        field = ".".join(str(part) for part in found["loc"][1:]) or "body"
        problems.append(f"{field}: {found['msg'][:1].lower()}{found['msg'][1:]}")
    return problem(request, 400, "invalid", "; ".join(problems))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = problem(request, error.status_code, _CODES.get(error.status_code, "refused"), error.detail)
    answer.headers.update(error.headers or {})
    return answer


class Mistakes:
    """Middleware: an error that nobody expected is logged whole and answered with nothing but the number of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or started:  # nothing can be said any more: the connection ends in the middle
                raise
            number = caller_of(scope).id if KEY in scope else ""
            log.error("%s %s failed (request %s)", scope["method"], scope["path"], number, exc_info=error)
            refusal = Refusal(500, "internal", "The server made a mistake; its log has the details")
            await refusal.answer(number)(scope, receive, send)
