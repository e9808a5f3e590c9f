"""Text on its way to the log, cut where no secret is cut. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from propylon.events import Answered, Approval, Event, Status, Token
from propylon.redaction import HoldBack


class Withheld:
    """The events of a run as they may go out: the end of a text that could be the beginning of a secret waits for what follows it."""

    def __init__(self) -> None:
        self._hold = HoldBack()

    def passed(self, events: Iterable[Event]) -> list[Event]:
        """What can go out now, in order. A notice says nothing of the text and lets it wait."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, Token):
                out += _token(self._hold.feed(event.text))
                continue
            if isinstance(event, Approval | Answered):
                out += _token(self._hold.flush())
            elif not isinstance(event, Status):
                out += self.rest()
            out.append(event)
        return out

    def rest(self) -> list[Event]:
        """What still waits, when nothing will follow it."""
        return _token(self._hold.end())


def _token(piece: tuple[str, str]) -> list[Event]:
    text, lead = piece
    return [Token(text=text, lead=lead)] if text else []
