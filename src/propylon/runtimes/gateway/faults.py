"""What went wrong between us and a gateway, made readable. Everything a gateway wrote is redacted before it is cut or shown."""

from __future__ import annotations

import httpx2

from propylon.redaction import shortened
from propylon.runtimes.failures import Failure, RuntimeFailure, failure

BODY_BYTES = 2048
"""Of the body of an error."""

HINT = 500
"""Characters of what a gateway says about an error."""

KEY = "HERMES_WEBUI_GATEWAY_API_KEY"
REFUSED_KEY = f"{KEY} was rejected. Compare it with API_SERVER_KEY of the gateway; both sides must have the same."
MISSING_KEY = f"Set {KEY} to the API_SERVER_KEY of the gateway and start this server again. A gateway without a key keeps no conversation."


class Cut(Exception):
    """The stream ended before the answer did."""


def of_status(status: int, body: bytes, key: str, reason: str = "") -> Failure:
    """The failure behind an HTTP status other than success. 403 is a matter of the key as much as 401 is."""
    if status in (401, 403):
        return failure(
            "gateway_auth_error",
            message=f"The gateway refused access (HTTP {status}).",
            hint=REFUSED_KEY if key else MISSING_KEY,
            details=_said(body, key),
        )
    hint = _said(body, key) or shortened(reason, HINT, (key,))
    return failure("gateway_http_error", message=f"Gateway returned HTTP {status}.", hint=hint)


def of_error(error: BaseException, key: str) -> Failure:
    """The failure behind anything else: no connection, no answer in time, a broken stream."""
    words = shortened(str(error), HINT, (key,)) or type(error).__name__
    return failure("gateway_error", message=f"{_NAMES.get(type(error), 'The gateway failed')}: {words}"[:HINT])


def of_agent(words: str, key: str, finish: str = "") -> Failure:
    """A turn that the gateway itself calls failed; `finish` is its finish_reason."""
    kind = {"length": "truncated", "content_filter": "content_policy"}.get(finish, "error")
    return failure(kind, details=shortened(words, HINT, (key,)))


def raised(found: Failure) -> RuntimeFailure:
    return RuntimeFailure(found)


def _said(body: bytes, key: str) -> str:
    return shortened(body[:BODY_BYTES].decode(errors="replace"), HINT, (key,))


_NAMES: dict[type[BaseException], str] = {
    httpx2.ConnectError: "No connection to the gateway",
    httpx2.ConnectTimeout: "The gateway did not answer in time",
    httpx2.ReadTimeout: "The gateway fell silent",
    httpx2.ReadError: "The connection to the gateway broke",
    httpx2.RemoteProtocolError: "The connection to the gateway broke",
    httpx2.PoolTimeout: "Too many runs at once go through the gateway",
    Cut: "The answer broke off",
}
