"""The shell around the order management system, at work in memory."""
