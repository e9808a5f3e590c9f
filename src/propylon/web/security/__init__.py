"""Who may ask what: pure checks of a request, and the values they work on. `web/guard.py` puts them in their order."""
