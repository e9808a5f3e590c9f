"""The process in which Hermes runs one session: the standard library and Hermes only, nothing of Propylon (docs/worker-protocol.md)."""
