"""How much a client may take: rates and counts. Pure: `now` is an argument."""
