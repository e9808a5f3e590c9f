"""A request that is not answered: why, and how that is said."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Refusal:
    """`sentence` is for a person and repeats nothing of the request. `closes`: what follows on the connection cannot be trusted."""

    status: int
    code: str
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False

    def answer(self, request_id: str, *, as_page: bool = False) -> Response:
        headers = {"Cache-Control": "no-store", **self.headers, **({"Connection": "close"} if self.closes else {})}
        if as_page:
            page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Propylon</title><p>{html.escape(self.sentence)}</p></html>'
            return Response(page, self.status, {**headers, "Content-Security-Policy": "default-src 'none'"}, "text/html; charset=utf-8")
        body = {"error": self.sentence, "code": self.code, "request_id": request_id}
        return Response(_encode(body), self.status, headers, "application/json")
