"""Who may see and do what. Pure: the daemon asks, the authority answers."""
