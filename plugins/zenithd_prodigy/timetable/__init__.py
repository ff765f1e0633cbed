"""When a market changes its phase: `plan` is the data, `due` finds what is to be done by a given time.
Pure.
"""
