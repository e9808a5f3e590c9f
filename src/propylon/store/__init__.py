"""Rows: sessions, runs, messages and model contexts in `app.db`.

`Database` gives a connection inside a transaction; the functions of `sessions`, `messages`, `runs` and `contexts` take it and are
composed by the caller, so what belongs together is one transaction:

    database = Database.open(path)
    session = await database.write(lambda c: sessions.create(c, ids.session_id(), at=now, profile="default", workspace="/w"))
    page = await database.read(lambda c: messages.tail(c, session.id, 50))
"""

from propylon.store import contexts, messages, runs, sessions
from propylon.store.engine import Database
from propylon.store.records import Again, Busy, Message, Run, Session, Started

__all__ = ["Again", "Busy", "Database", "Message", "Run", "Session", "Started", "contexts", "messages", "runs", "sessions"]
