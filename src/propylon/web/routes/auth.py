"""Logging in and out, who is logged in, the password, tokens of devices, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from propylon.accounts.logins import LIVES
from propylon.store.records import Login
from propylon.web import schemas
from propylon.web.bodies import JsonRoute
from propylon.web.deps import Given, Who, reply
from propylon.web.errors import PROBLEMS
from propylon.web.security.caller import Caller
from propylon.web.security.cookies import cookie
from propylon.web.security.rules import LOGS_IN, LOGS_OUT, LOOKS_AFTER, MANAGES, PUBLIC, declares

router = APIRouter(tags=["login"], route_class=JsonRoute, responses=PROBLEMS)

NOT_HERE: dict[int | str, dict[str, Any]] = {409: {"model": schemas.Problem, "description": "It cannot be done here"}}


@router.get("/api/auth/status", response_model=schemas.AuthStatus)
@declares(PUBLIC)
async def status(given: Given, who: Who) -> Response:
    """Whether a login is needed, and whether the caller has one."""
    accounts = given.accounts
    return reply(
        {
            "auth_enabled": accounts.enabled,
            "logged_in": who.login is not None,
            "password_auth_enabled": accounts.enabled,
            "passkeys_enabled": False,
            "passwordless_enabled": False,
            "password_from_environment": accounts.from_environment,
        }
    )


@router.post("/api/auth/login", response_model=schemas.Ok)
@declares(LOGS_IN)
async def log_in(given: Given, who: Who, body: schemas.LogIn) -> Response:
    """A new login of this browser, as a cookie; its old one ends. Without a password there is nothing to do."""
    if not given.accounts.enabled:
        return reply({"ok": True})
    login, token = await given.accounts.log_in(body.password, who)
    return _with_cookie({"ok": True}, who, login, token)


@router.post("/api/auth/logout", response_model=schemas.Ok)
@declares(LOGS_OUT)
async def log_out(given: Given, who: Who, body: schemas.Nothing) -> Response:
    """End this login, and with it what it has open."""
    await given.accounts.log_out(who)
    answer = reply({"ok": True})
    answer.headers["Set-Cookie"] = cookie(who, "", 0)
    return answer


@router.get("/api/auth/logins", response_model=schemas.LoginList)
@declares(LOOKS_AFTER)
async def logins(given: Given, who: Who) -> Response:
    """Browsers that are logged in and devices with a token, the one used last first."""
    return reply({"logins": [_view(login, who) for login in given.accounts.logins.listing()]})


@router.post("/api/auth/logins/revoke", response_model=schemas.Ok)
@declares(MANAGES)
async def revoke(given: Given, who: Who, body: schemas.OfLogin) -> Response:
    """End one login; its open pages close within seconds."""
    await given.accounts.revoke(body.login_id, who)
    return reply({"ok": True})


@router.post("/api/auth/logout-everywhere", response_model=schemas.Ended)
@declares(MANAGES)
async def log_out_everywhere(given: Given, who: Who, body: schemas.Nothing) -> Response:
    """End all logins and device tokens but the one that asks."""
    return reply({"ok": True, "ended": await given.accounts.log_out_everywhere(who)})


@router.post("/api/auth/password", response_model=schemas.Ok, responses=NOT_HERE)
@declares(MANAGES)
async def set_password(given: Given, who: Who, body: schemas.SetPassword) -> Response:
    """Set or change the password. Every login and device token ends; this browser gets a new login."""
    login, token = await given.accounts.set_password(body.new, body.current, who)
    return _with_cookie({"ok": True}, who, login, token)


@router.post("/api/auth/devices/new", response_model=schemas.DeviceAdded, responses=NOT_HERE)
@declares(MANAGES)
async def new_device(given: Given, who: Who, body: schemas.NewDevice) -> Response:
    """A token for a script or another device, for `Authorization: Bearer`. It is told this once."""
    login, token = await given.accounts.add_device(body.name, tuple(dict.fromkeys(body.scopes)), who)
    return reply({"ok": True, "token": token, "device": _view(login, who)})


@router.get("/api/auth/audit", response_model=schemas.AuditLog)
@declares(LOOKS_AFTER)
async def audit(given: Given, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Response:
    """Who came in, what was allowed, what was set; the newest first."""
    lines = await given.accounts.audit.tail(limit)
    names = ("at", "event", "login_id", "address", "facts")
    return reply({"lines": [{name: getattr(line, name) for name in names} for line in lines]})


def _with_cookie(value: dict[str, Any], who: Caller, login: Login, token: str) -> Response:
    answer = reply(value)
    answer.headers["Set-Cookie"] = cookie(who, token, int(LIVES[login.kind].whole))
    return answer


def _view(login: Login, who: Caller) -> dict[str, Any]:
    shown = ("id", "kind", "name", "scopes", "created_at", "seen_at", "address", "agent")
    current = who.login is not None and who.login.id == login.id
    return {**{name: getattr(login, name) for name in shown}, "current": current}
