"""The one port: accepting, HTTP, TLS, WebSocket connections.

`listener` accepts and decides what a connection is, `head` reads its first request, `pages` answers plain
HTTP, `stream` puts an outbox between trio-websocket and the socket, `connection` drives one session.
"""
