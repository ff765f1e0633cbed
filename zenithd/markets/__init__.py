"""The daemon's markets: from a source's batch to frames in outboxes.

`inbound` is the bounded queue of one source, `feed` the task that applies it (the single writer of that
source's markets), `publishing` turns changes into frames, `directory` knows every market and makes mixed
and delayed ones, `wanted` counts who wants which instrument, `context` is what a source is given.
"""
