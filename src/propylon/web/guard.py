"""What every request passes before a route sees it, in this order: syntax, Host, login, origin, the route's own rule."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from propylon.accounts.service import Accounts
from propylon.store.records import Login
from propylon.web.security import addresses, cookies, hosts, origins, proxies, syntax
from propylon.web.security.caller import KEY, Caller, request_id, value_of, values_of
from propylon.web.security.hosts import Host
from propylon.web.security.refusal import Refusal
from propylon.web.security.rules import MIB, Rule, Rules

log = logging.getLogger("propylon.audit")

DRAINED = 64 * 1024
"""Bytes of a refused body that are read so that the connection can be used again; a longer one ends it."""

DRAIN_S = 2.0
LINGER_S = 1.0
BODY_IDLE_S = 30.0
BODY_S = 300.0
SAME_LINE_S = 60.0
TARGET = "propylon.target"
CONNECTION = "propylon.connection"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the settings say. `literals`: addresses pass as Host also without a login, because a person opened the server to the network."""

    allowed: frozenset[Host] = frozenset()
    trusted: tuple[proxies.Network, ...] = ()
    literals: bool = False


class Guard:
    """`body_idle`: seconds that a body may stand still."""

    def __init__(self, app: ASGIApp, policy: Policy, body_idle: float = BODY_IDLE_S) -> None:
        self._app = app
        self._policy = policy
        self._body_idle = body_idle
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._said: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        number = request_id()
        scope[KEY] = Caller(id=number, address=_socket_address(scope), agent="", host="", secure=False, prefix="")
        refusal = syntax.malformed(scope.get(TARGET) or scope["raw_path"], headers) or self._by_host(scope)
        if refusal is None:
            scope[KEY] = caller = self._caller(scope, number)
            rules: Rules = scope["app"].state.rules
            rule = rules.of(scope["method"], scope["path"])
            refusal = self._by_login(scope, caller, rule) or self._by_origin(scope, caller, rule) or self._by_rule(scope, caller, rule)
            if refusal is None:
                body = await self._body(scope, receive, rule)
                if not isinstance(body, Refusal):
                    await self._app(scope, _replaying(body, receive), send)
                    return
                refusal = body
        await self._refuse(refusal, scope, receive, send)

    def _by_host(self, scope: Scope) -> Refusal | None:
        accounts: Accounts = scope["app"].state.services.accounts
        literals = accounts.enabled or self._policy.literals
        text = values_of(scope["headers"], b"host")[0]
        peer = proxies.peer_of(_socket_address(scope), scope["headers"], self._policy.trusted)
        for name in filter(None, (text, peer.host)):
            if (refusal := hosts.refused(name, self._policy.allowed, literals=literals)) is not None:
                self._say(f"refused the host {name!r} from {peer.address}; {hosts.SETTING} lists the names of this server")
                return refusal
        return hosts.refused(text, self._policy.allowed, literals=literals)

    def _caller(self, scope: Scope, number: str) -> Caller:
        """The Host has been checked."""
        headers = scope["headers"]
        socket = _socket_address(scope)
        peer = proxies.peer_of(socket, headers, self._policy.trusted)
        if not peer.believed and not proxies.FORWARDED.isdisjoint(name for name, _ in headers):
            self._say(f"{socket} forwards for others but is not in HERMES_WEBUI_TRUSTED_PROXIES; it is taken for the client itself")
        caller = Caller(
            id=number,
            address=peer.address,
            agent=value_of(headers, b"user-agent") or "",
            host=peer.host or values_of(headers, b"host")[0],
            secure=peer.secure or scope["scheme"] == "https",
            prefix=peer.prefix,
        )
        return dataclasses.replace(caller, login=_login(scope, caller))

    def _by_login(self, scope: Scope, caller: Caller, rule: Rule) -> Refusal | None:
        accounts: Accounts = scope["app"].state.services.accounts
        if rule.auth == "public" or not accounts.enabled:
            return None
        if caller.login is not None:
            if (connection := scope.get(CONNECTION)) is not None:
                connection.is_known()
            if rule.auth in caller.login.scopes:
                return None
            return Refusal(403, "scope", f"This token may not do that; it needs the scope '{rule.auth}'")
        if scope["method"] in ("GET", "HEAD") and not scope["path"].startswith("/api/"):
            where = addresses.to_login(scope["path"], scope["query_string"].decode("latin-1"))
            return Refusal(302, "login", "Log in first", {"Location": where})
        return Refusal(401, "login", "Log in first")

    def _by_origin(self, scope: Scope, caller: Caller, rule: Rule) -> Refusal | None:
        if scope["method"] in origins.SAFE and not rule.acts:
            return None
        asked = [host for text in (caller.host, *values_of(scope["headers"], b"host")) if (host := hosts.parse(text))]
        refusal = origins.cross_site(scope["headers"], origins.ours(asked, self._policy.allowed))
        if refusal is not None:
            self._say(f"refused {scope['method']} {scope['path']!r} of another site from {caller.address}")
        return refusal

    def _by_rule(self, scope: Scope, caller: Caller, rule: Rule) -> Refusal | None:
        if rule.per_minute is not None:
            limit = RateLimitItemPerMinute(rule.per_minute)
            if not self._limiter.hit(limit, scope["path"], caller.key):
                after = max(1, int(self._limiter.get_window_stats(limit, scope["path"], caller.key).reset_time - time.time()) + 1)
                return Refusal(429, "too_often", "Too many requests; wait a little", {"Retry-After": str(after)})
        length = int(value_of(scope["headers"], b"content-length") or 0)
        if length > rule.body:
            return _too_large(rule)
        return None

    async def _body(self, scope: Scope, receive: Receive, rule: Rule) -> bytes | Refusal:
        """The whole body: none of ours is so large that it would have to be read piece by piece."""
        if not _has_body(scope):
            return b""
        try:
            async with asyncio.timeout(BODY_S):
                body = await self._read(receive, rule.body)
        except TimeoutError:
            return Refusal(408, "slow", "The request did not arrive in time", closes=True)
        if body is None:
            return _too_large(rule)
        kind = (value_of(scope["headers"], b"content-type") or "").partition(";")[0].strip().lower()
        if body and kind != "application/json":
            return Refusal(415, "content_type", "The body must be JSON, and say so (Content-Type: application/json)")
        return body

    async def _read(self, receive: Receive, most: int) -> bytes | None:
        """None when it is too long. Raises TimeoutError."""
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            async with asyncio.timeout(self._body_idle):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise TimeoutError
            piece = message.get("body", b"")
            size += len(piece)
            if size > most:
                return None
            pieces.append(piece)
            more = message.get("more_body", False)
        return b"".join(pieces)

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        lingers = False
        if not refusal.closes and _has_body(scope) and not await _drained(scope, receive):
            refusal, lingers = dataclasses.replace(refusal, closes=True), True
        as_page = "text/html" in (value_of(scope["headers"], b"accept") or "") and refusal.status not in (401, 403)
        answer = refusal.answer(scope[KEY].id, as_page=as_page)
        await answer(scope, receive, _lingering(receive, send) if lingers else send)

    def _say(self, line: str) -> None:
        """A line in the log, the same one once a minute: who is refused could otherwise fill it."""
        now = time.monotonic()
        if len(self._said) > 100:
            self._said = {known: at for known, at in self._said.items() if now - at < SAME_LINE_S}
        if len(self._said) <= 100 and now - self._said.get(line, -SAME_LINE_S) >= SAME_LINE_S:
            self._said[line] = now
            log.warning("%s", line)


def _login(scope: Scope, caller: Caller) -> Login | None:
    """The cookie of a browser, or the token of a device."""
    accounts: Accounts = scope["app"].state.services.accounts
    if not accounts.enabled:
        return None
    for token in cookies.tokens(scope["headers"], cookies.name_for(caller)):
        if (login := accounts.logins.find(token, "browser", caller.address)) is not None:
            return login
    bearer = cookies.bearer(scope["headers"])
    return accounts.logins.find(bearer, "device", caller.address) if bearer else None


def _socket_address(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _has_body(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in scope["headers"])


def _too_large(rule: Rule) -> Refusal:
    if not rule.body:
        return Refusal(413, "too_large", "This request takes no body")
    size = f"{rule.body // MIB} MiB" if rule.body >= MIB else f"{rule.body // 1024} KiB"
    return Refusal(413, "too_large", f"The body is larger than {size}")


async def _drained(scope: Scope, receive: Receive) -> bool:
    """Whether the rest of the body was read; then the next request begins where it should."""
    length = int(value_of(scope["headers"], b"content-length") or 0)
    if length > DRAINED or value_of(scope["headers"], b"expect") is not None:
        return False
    size = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while size <= DRAINED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return False
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
    except TimeoutError:
        pass
    return False


def _lingering(receive: Receive, send: Send) -> Send:
    """Sends the answer as a whole, and ends it only when the client has stopped sending, or has been given the time to.

    A connection that is closed with something unread is reset, and the client may never read why.
    """

    async def lingering(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (message := await receive())["type"] != "http.disconnect" and message.get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return lingering


def _replaying(body: bytes, receive: Receive) -> Receive:
    """What the application reads: the body in one piece, then what comes after it (that the client leaves)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
