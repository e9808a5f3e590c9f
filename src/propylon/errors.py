"""The errors of Propylon. Each says what happened in one sentence for a person.

PropylonError
├── Unusable          the server cannot start or go on with this directory, file or port (exit code 2)
│   └── StoreUnusable a database file that is broken, too new or not ours
├── NotFound          no such session or stream
├── Invalid           the request makes no sense; names the field
├── Busy              the session has a live run
├── Changed           the session is not any more what the request is based on
├── Stale             the question is no longer open
├── WrongPassword     not this one
├── NotAllowed        this cannot be done here, or not by this caller
├── TooOften          asked too often; may be asked again later
├── Undeclared        a route without a rule: a mistake of ours, found at the start
└── Unavailable       it cannot be done just now; the same again may succeed
"""

from __future__ import annotations

from typing import Any


class PropylonError(Exception):
    """Base of all errors that are told to a person as they are."""


class Unusable(PropylonError):
    pass


class StoreUnusable(Unusable):
    pass


class NotFound(PropylonError):
    pass


class Invalid(PropylonError):
    pass


class Busy(PropylonError):
    def __init__(self, active_run: str) -> None:
        super().__init__("A run is already live in this session")
        self.active_run = active_run


class Stale(PropylonError):
    """`answer` is how the question was decided, None where that is not known any more."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        super().__init__("This question is no longer open")
        self.answer = answer


class Unavailable(PropylonError):
    pass


class Changed(PropylonError):
    def __init__(self, revision: int) -> None:
        super().__init__("The conversation has changed since; look at it again")
        self.revision = revision


class WrongPassword(PropylonError):
    pass


class NotAllowed(PropylonError):
    pass


class TooOften(PropylonError):
    """`after`: whole seconds until it makes sense to ask again."""

    def __init__(self, after: int) -> None:
        super().__init__(f"Too many attempts; try again in {after} s")
        self.after = after


class Undeclared(PropylonError):
    pass
