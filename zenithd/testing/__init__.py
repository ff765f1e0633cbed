"""TODO-layer."""
