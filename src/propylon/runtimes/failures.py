"""Raw failures made readable: one table from what a runtime reports to what a person is told."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Failure:
    """`kind` is a stable code; `label`, `message` and `hint` are sentences for people; `details` is the raw text, folded on the page."""

    kind: str
    label: str
    message: str
    hint: str = ""
    details: str = ""


class RuntimeFailure(Exception):
    """A run that cannot go on, with its Failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


_KEPT = "What was shown is kept."

_TABLE = {
    failure.kind: failure
    for failure in (
        Failure(
            kind="auth",
            label="The provider refused the key",
            message="The model provider did not accept the credentials of this profile.",
            hint="Check the key with `hermes model`, then send the message again.",
        ),
        Failure(
            kind="payment",
            label="The provider wants payment",
            message="The account at the model provider has no credit left.",
            hint="Add credit or choose another model, then send the message again.",
        ),
        Failure(
            kind="not_found",
            label="The model was not found",
            message="The provider does not know this model or address.",
            hint="Choose another model for this session.",
        ),
        Failure(
            kind="rate_limit",
            label="Too many requests",
            message="The provider limits how often it may be asked; the agent tried again and gave up.",
            hint="Wait a minute, then send the message again.",
        ),
        Failure(
            kind="server_error",
            label="The provider had a fault",
            message="The provider answered with a server error several times.",
            hint="Send the message again later or choose another model.",
        ),
        Failure(
            kind="connection",
            label="The provider cannot be reached",
            message="No connection to the model provider came about.",
            hint="Check the network and the provider's address, then send the message again.",
        ),
        Failure(
            kind="context_overflow",
            label="The conversation is too long for this model",
            message="The agent could not shorten the conversation enough.",
            hint="Start a new session or choose a model with a larger window.",
        ),
        Failure(
            kind="truncated",
            label="The answer was cut off",
            message="The provider stopped the answer before its end.",
            hint=f"{_KEPT} Ask the agent to go on.",
        ),
        Failure(
            kind="content_policy",
            label="The provider declined to answer",
            message="The provider's content filter stopped the answer.",
            hint="Put the request in other words.",
        ),
        Failure(
            kind="no_response",
            label="No answer came",
            message="The model returned nothing.",
            hint="Send the message again or choose another model.",
        ),
        Failure(
            kind="interrupted",
            label="The run was interrupted",
            message="The process that ran the agent ended before the run did.",
            hint=f"{_KEPT} Nothing is repeated by itself, because tools have effects. Send a message to go on.",
        ),
        Failure(
            kind="not_started",
            label="The agent could not start",
            message="The agent's process could not be started for this session.",
            hint="The details say why; `propylon serve` prints the agent's own messages.",
        ),
        Failure(
            kind="capacity",
            label="No room for another agent",
            message="All places for agents are taken and none became free in time.",
            hint="Stop a run or wait for one to end, then send the message again.",
        ),
        Failure(
            kind="gateway_auth_error",
            label="The gateway refused the key",
            message="The gateway did not accept this server's credentials.",
        ),
        Failure(
            kind="gateway_http_error",
            label="The gateway refused the request",
            message="The gateway answered with an error.",
            hint="The gateway gave no reason. Its own log may say more.",
        ),
        Failure(
            kind="gateway_empty_response",
            label="The gateway gave no answer",
            message="The gateway ended the turn without a word.",
            hint="Look into the gateway's log, then send the message again.",
        ),
        Failure(
            kind="gateway_error",
            label="The gateway cannot be used",
            message="The connection to the gateway failed.",
            hint=f"{_KEPT} Check that `hermes gateway run` is at work and its API server enabled, and HERMES_WEBUI_GATEWAY_BASE_URL.",
        ),
        Failure(
            kind="attachments_too_large",
            label="The attachments are too large",
            message="The gateway takes at most 10 MB with one message.",
            hint="Send smaller pictures, or fewer at once.",
        ),
        Failure(
            kind="error",
            label="The run failed",
            message="The agent reported an error.",
            hint=f"{_KEPT} The details say what happened.",
        ),
    )
}

_BY_STATUS = {401: "auth", 403: "auth", 402: "payment", 404: "not_found", 429: "rate_limit"}

_BY_AGENT_CODE = {
    "rate_limit": "rate_limit",
    "server_error": "server_error",
    "timeout": "connection",
    "connection": "connection",
    "context_overflow": "context_overflow",
    "compression_exhausted": "context_overflow",
    "content_policy_blocked": "content_policy",
    "empty_response_exhausted": "no_response",
    "truncated": "truncated",
    "construction": "not_started",
}


def failure(kind: str, *, message: str = "", hint: str = "", details: str = "") -> Failure:
    """The table's entry for `kind`, with a more exact sentence where there is one. An unknown kind is `error`."""
    found = _TABLE.get(kind, _TABLE["error"])
    return replace(found, message=message or found.message, hint=hint or found.hint, details=details)


def classify(code: str, status: int | None, details: str) -> Failure:
    """The failure behind an agent's own code and the provider's HTTP status. Never decided by words of an answer."""
    if status in _BY_STATUS:
        kind = _BY_STATUS[status]
    elif code in _BY_AGENT_CODE:
        kind = _BY_AGENT_CODE[code]
    elif status is not None and status >= 500:
        kind = "server_error"
    else:
        kind = "error"
    return failure(kind, details=details)
