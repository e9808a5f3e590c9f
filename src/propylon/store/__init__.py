"""Rows: sessions, runs, messages, branches, queues, model contexts, logins, settings and the audit log in `app.db`.

`Database` gives a connection inside a transaction; the functions of the modules beside it take it and are
composed by the caller, so what belongs together is one transaction:

    database = Database.open(path)
    session = await database.write(lambda c: sessions.create(c, ids.session_id(), at=now, profile="default", workspace="/w"))
    page = await database.read(lambda c: messages.tail(c, session.id, 50))
"""

from propylon.store import audit, branches, contexts, history, logins, messages, queue, runs, sessions, settings
from propylon.store.engine import Database
from propylon.store.records import Again, Branch, Busy, Login, Message, Noted, Queued, Run, Session, Started

__all__ = [
    "Again",
    "Branch",
    "Busy",
    "Database",
    "Login",
    "Message",
    "Noted",
    "Queued",
    "Run",
    "Session",
    "Started",
    "audit",
    "branches",
    "contexts",
    "history",
    "logins",
    "messages",
    "queue",
    "runs",
    "sessions",
    "settings",
]
