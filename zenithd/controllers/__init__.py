"""One module per controller of the Zenith protocol: answers from the daemon's state, no I/O of its own."""
