"""The standard execution engine: which commands there are, and which events follow from them.

In reading order: `commands`, `refusals`, `turn`; `matching` (continuous), `auction`, `orders`,
`trades`; `phases` (statuses, days, timetable), `administration`; `engine` (one entrance), `decoding` (its
door for what comes from outside).
"""
