"""Orders, accounts and what they own on the wire (spec zenith-websocket 3.5): pure, both ways.

`fields` (reading one field), `details` (an order's details, route and
condition), `requests` (bodies of the topics); `orders`, `positions`, `directory`, `records` (what is told).
The words of the wire stay here: inside, orders are those of the OMS (platform D.4).
"""
