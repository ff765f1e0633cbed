"""The one port: accepting, HTTP, TLS, WebSocket connections.

`listener` accepts and decides what a connection is, `head` reads its first request, `pages` answers plain
HTTP, `upgrade` checks what asks for WebSocket, `stream` puts an outbox between trio-websocket and the socket
(`announced` watches the sizes that come in), `connection` drives one session. trio-websocket answers the
handshake, pings and close frames and puts messages together; what we end ourselves we say without it.
"""
