"""The exchange towards the order management system. Pure.

`codes` (statuses, error codes, names of commands), `intake` (requests to commands), `notes` (what the adapter
itself keeps), `report` (records of the markets to updates of the feed).
"""
