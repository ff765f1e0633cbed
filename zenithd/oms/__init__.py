"""The order management system: what clients ask for, what became of it, and what they own.

Updates, kept in one order, are the only truth; orders, balances, holdings and requests are derived from them.
"""
