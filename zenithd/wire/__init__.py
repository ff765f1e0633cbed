"""The Zenith protocol, pure: bytes of one connection in, what is to be done out.

In reading order: `container` (one message), `codec` (its three encodings), `topics` (every topic and its
rule), `errors` and `scopes` (the codes and rights of the protocol), `commands` (what a session asks of its
connection), `session` with its parts `subscriptions`, `pending`, `identity`, `timeouts`, `tickets` and
`waiting`; then what messages are about: `dates`, `numbers`, `requests`, `search`, `criteria`, `translate`.
"""
