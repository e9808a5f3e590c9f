"""Approvals of one run of a gateway, which keeps them in a queue without ids: an answer always goes to the oldest.

So only the oldest is ever shown, under an id of ours; the next one is shown when it is decided. Pure: who asks over HTTP is `runs`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from propylon.events import Answered, Approval, Event
from propylon.runtimes.base import Permissions
from propylon.runtimes.gateway.values import Object, items, number, text

CHOICES = ("once", "session", "always", "deny")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the gateway wants permission for. `tid` is the tool call that asks, "" where that is not known; `at` Unix seconds."""

    command: str
    description: str
    keys: tuple[str, ...]
    choices: tuple[str, ...]
    at: float
    tid: str = ""
    smart_denied: bool = False


def request(said: Object, tid: str, now: float) -> Request:
    """Out of an `approval.request` event."""
    keys = [key for key in items(said.get("pattern_keys")) if isinstance(key, str) and key]
    single = text(said.get("pattern_key"))
    choices = tuple(choice for choice in items(said.get("choices")) if choice in CHOICES)
    return Request(
        command=text(said.get("command")),
        description=text(said.get("description")),
        keys=tuple(keys or ([single] if single else [])),
        choices=choices or (("once", "deny") if said.get("smart_denied") is True else CHOICES),
        at=number(said.get("timestamp")) or now,
        tid=tid,
        smart_denied=said.get("smart_denied") is True,
    )


class Asking:
    """`asked` and `answered` count what was shown and what was decided; they name the questions and survive in the mark."""

    def __init__(self, run: str, session: str, permissions: Permissions, *, asked: int = 0, answered: int = 0) -> None:
        self._run = run
        self._session = session
        self._granted = frozenset(permissions.granted)
        self._waiting: deque[Request] = deque()
        self._shown = ""
        self._echoes = 0
        self.yolo = permissions.yolo
        self.asked = asked
        self.answered = answered

    def __bool__(self) -> bool:
        """Whether the gateway waits for an answer."""
        return bool(self._waiting)

    @property
    def shown(self) -> str:
        """The id of the question that is open to a person, "" for none."""
        return self._shown

    @property
    def allowed(self) -> Request | None:
        """The oldest, if a person has allowed already what it asks for. What a smart mode denied is never allowed beforehand."""
        if self._waiting and not self._shown and self._may_pass(self._waiting[0]):
            return self._waiting[0]
        return None

    def requested(self, wanted: Request) -> list[Event]:
        self._waiting.append(wanted)
        return self._show()

    def restored(self, wanted: Request) -> None:
        """A question that an earlier process showed and nobody has answered."""
        self._waiting.append(wanted)
        self._shown = self._name(self.asked)

    def decided(self, question: str, choice: str, by: str, at: float) -> list[Event]:
        """We gave a person's answer, and the gateway took it. Its own word for it may still come, or came first."""
        if not self._waiting or not question or question != self._shown:
            return []
        self._echoes += 1
        return self._close(choice, by, at)

    def granted(self, wanted: Request, at: float) -> list[Event]:
        """We answered what was allowed beforehand, and the gateway took it."""
        if self._shown or not self._waiting or self._waiting[0] is not wanted:
            return []
        self._echoes += 1
        return self._close("once", "yolo", at)

    def heard(self, choice: str, at: float) -> list[Event]:
        """The gateway says that its oldest was answered: by us, or by somebody else."""
        if self._echoes:
            self._echoes -= 1
            return []
        return self._close(choice, "yolo" if self.yolo else "person", at) if self._waiting else []

    def passed(self, at: float) -> list[Event]:
        """The agent went on: what still waited was decided by the gateway's deadline, and what that refuses is refused."""
        out: list[Event] = []
        while self._waiting:
            self._waiting.popleft()
            if self._shown:
                out.append(self._answer("deny", "timeout", at))
        return out

    def permit(self, on: bool) -> list[Event]:
        """Let everything pass, or ask again: also what waits unseen now."""
        self.yolo = on
        return self._show()

    def ask_again(self) -> list[Event]:
        """What was allowed beforehand could not be told to the gateway: a person must."""
        return self._show(anyway=True)

    def _close(self, choice: str, by: str, at: float) -> list[Event]:
        self._waiting.popleft()
        out: list[Event] = [self._answer(choice, by, at)] if self._shown else []
        return out + self._show()

    def _show(self, *, anyway: bool = False) -> list[Event]:
        if not self._waiting or self._shown or (self._may_pass(self._waiting[0]) and not anyway):
            return []
        wanted = self._waiting[0]
        self.asked += 1
        self._shown = self._name(self.asked)
        return [
            Approval(
                approval_id=self._shown,
                session_id=self._session,
                command=wanted.command,
                description=wanted.description,
                pattern_key=wanted.keys[0] if wanted.keys else "",
                pattern_keys=list(wanted.keys),
                choices=list(wanted.choices),
                requested_at=wanted.at,
                tid=wanted.tid,
                smart_denied=wanted.smart_denied,
            )
        ]

    def _answer(self, choice: str, by: str, at: float) -> Answered:
        question, self._shown = self._shown, ""
        self.answered += 1
        return Answered(question_id=question, by=by, choice=choice, at=at)

    def _may_pass(self, wanted: Request) -> bool:
        if wanted.smart_denied:
            return False
        return self.yolo or (bool(wanted.keys) and self._granted.issuperset(wanted.keys))

    def _name(self, count: int) -> str:
        return f"{self._run}-q{count}"
