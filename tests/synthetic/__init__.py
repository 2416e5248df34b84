"""A test-only composition root: real workers, real servers, synthetic work."""
