"""What a route demands. Every route declares it, beside its address; a route without a declaration keeps the server from starting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from starlette.routing import BaseRoute, Mount, Route

from propylon.errors import Undeclared
from propylon.store.records import Scope

Function = TypeVar("Function", bound=Callable[..., Any])

KIB = 1024
MIB = 1024 * KIB
_ATTRIBUTE = "__propylon_rule__"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`auth`: what a login must be allowed, `public` for strangers too. `acts`: it changes something, also if it is a GET.

    `body`: bytes of a body at most; `content`: what the body is; `per_minute`: requests of one login or address, None for no limit;
    `follows`: the answer is an event stream.
    """

    auth: Scope | Literal["public"]
    acts: bool = False
    body: int = 0
    content: Literal["json", "none"] = "none"
    per_minute: int | None = None
    follows: bool = False


PUBLIC = Rule(auth="public")
READS = Rule(auth="read")
FOLLOWS = Rule(auth="read", follows=True)
CHATS = Rule(auth="chat", acts=True, body=MIB, content="json")
SENDS = Rule(auth="chat", acts=True, body=2 * MIB, content="json")
STOPS_BY_GET = Rule(auth="chat", acts=True)
ANSWERS = Rule(auth="approve", acts=True, body=2 * MIB, content="json")
MANAGES = Rule(auth="manage", acts=True, body=64 * KIB, content="json", per_minute=30)
LOOKS_AFTER = Rule(auth="manage")
LOGS_IN = Rule(auth="public", acts=True, body=64 * KIB, content="json")
LOGS_OUT = Rule(auth="read", acts=True, body=64 * KIB, content="json")
UNKNOWN = Rule(auth="read")
"""For addresses that are none: a stranger does not learn which are."""


def declares(rule: Rule) -> Callable[[Function], Function]:
    """Stands under the router's decorator of an endpoint, or wraps what is mounted."""

    def note(endpoint: Function) -> Function:
        setattr(endpoint, _ATTRIBUTE, rule)
        return endpoint

    return note


class Rules:
    """The rules of an application by method and path. Raises Undeclared for a route without one."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._fixed: dict[tuple[str, str], Rule] = {}
        self._others: list[tuple[BaseRoute, Rule]] = []
        missing = []
        for route in _flat(routes):
            rule = getattr(route.app if isinstance(route, Mount) else getattr(route, "endpoint", None), _ATTRIBUTE, None)
            if rule is None:
                missing.append(str(getattr(route, "path", route)))
            elif isinstance(route, Route) and "{" not in route.path:
                self._fixed.update({(method, route.path): rule for method in route.methods or ()})
            else:
                self._others.append((route, rule))
        if missing:
            raise Undeclared(f"These routes declare no rule (web/security/rules.py): {', '.join(sorted(missing))}")

    def of(self, method: str, path: str) -> Rule:
        found = self._fixed.get((method, path))
        if found is not None:
            return found
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        return next((rule for route, rule in self._others if route.matches(scope)[0].value == 2), UNKNOWN)


def _flat(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)  # FastAPI keeps included routers whole from some version on
        if inner is not None:
            yield from _flat(inner.routes)
        else:
            yield route
