"""Fuzz of every input boundary: generators, contracts, campaigns, kept cases.

A *boundary* is a function that takes what somebody else wrote. Each has a generator, which mixes inputs made
from the grammar, damaged ones and noise, and a contract, which says what may come out. Inputs are Python
literals and follow from (boundary, seed, index) alone, so a number in a report is enough to have one again.

    python -m tests.fuzz                            every boundary, 1,000,000 inputs each
    python -m tests.fuzz bson config --count 20000  some
    python -m tests.fuzz bson --seed 7 --at 4711    one input again
    python -m tests.fuzz bson --minimise            a failing input made small

`draw` makes values and damages them, `boundary` is the frame of a contract, `campaign` runs one, `leaks`
looks for what stays behind. The modules in `boundaries` hold the contracts, `references` and `frame_model`
what was written a second time to compare with, `cases` the inputs worth keeping, each with the reason.
`test_fuzz` runs 5,000 inputs of each boundary and every case.
"""
