"""JSON bodies: read once, made valid, and said to be broken when they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from propylon.errors import Invalid

DEEPEST = 64
"""Objects and lists within each other."""

LONGEST_NUMBER = 40
_SURROGATES = re.compile("[\ud800-\udfff]")


def valid_text(value: Any, depth: int = DEEPEST) -> Any:
    """The same JSON value with every lone surrogate in it replaced by U+FFFD: neither UTF-8 nor the database can hold one.

    Raises Invalid for what is nested deeper than `depth`.
    """
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list | dict) and depth == 0:
        raise Invalid(f"The body is nested too deeply: more than {DEEPEST} levels")
    if isinstance(value, list):
        return [valid_text(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {valid_text(name): valid_text(item, depth - 1) for name, item in value.items()}
    return value


def parse(body: bytes) -> Any:
    """Raises Invalid for what is no JSON object, and for what two readers could understand differently."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise Invalid(f"The body is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Invalid(f"The body is nested too deeply: more than {DEEPEST} levels") from error
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object")
    return valid_text(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Invalid("The body has a name twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise Invalid(f"The body is not JSON: {text} is no number")


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise Invalid("The body has a number that is too long")
    return int(text)


class _JsonRequest(Request):
    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except Invalid as error:
            raise HTTPException(400, str(error)) from error


class JsonRoute(APIRoute):
    """A route whose JSON body is read with `parse`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle
