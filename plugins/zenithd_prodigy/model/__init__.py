"""The standard data model: what a market consists of, and the events that make it.

In reading order: `statuses` (the table), `orders`, `definitions`, `events`; `book`, `recent`, `symbol`,
`state` (what they make); `order_changes`, `market_changes` (how), `checkpoint`, `model` (all together).
"""
