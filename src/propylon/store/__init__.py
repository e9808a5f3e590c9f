"""Rows: sessions, runs, messages, branches, queues and model contexts in `app.db`.

`Database` gives a connection inside a transaction; the functions of the modules beside it take it and are
composed by the caller, so what belongs together is one transaction:

    database = Database.open(path)
    session = await database.write(lambda c: sessions.create(c, ids.session_id(), at=now, profile="default", workspace="/w"))
    page = await database.read(lambda c: messages.tail(c, session.id, 50))
"""

from propylon.store import branches, contexts, history, messages, queue, runs, sessions
from propylon.store.engine import Database
from propylon.store.records import Again, Branch, Busy, Message, Queued, Run, Session, Started

__all__ = [
    "Again",
    "Branch",
    "Busy",
    "Database",
    "Message",
    "Queued",
    "Run",
    "Session",
    "Started",
    "branches",
    "contexts",
    "history",
    "messages",
    "queue",
    "runs",
    "sessions",
]
