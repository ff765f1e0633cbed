"""The store of trades and bars in `var/history.db`: what charts and past days are answered from.

`store` is the asynchronous side that the daemon uses, `database` the synchronous side that runs in the
store's one thread, `schema` the tables, `rows` how trades and minutes lie in them.
"""
