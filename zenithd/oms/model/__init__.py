"""What the order management system knows of: the entities of its data model, their updates and events.

Fields and numbers follow the platform's field table (platform Annex P); here they have names of this
language, and JSON and the journal have those of the table. Money and quantities are `Decimal`, always
finite; times are nanoseconds since the Unix epoch.

In reading order: `entity` (the base), `accounts`, `orders`, `requests`, `transactions`, `directory` (owners,
exchanges, statuses, feeds), `transforms`, `updates` (what is kept), `events` (what the views tell).
"""
