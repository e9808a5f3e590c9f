"""Who may come in: passwords, logins, device tokens, and the log of what was done."""
