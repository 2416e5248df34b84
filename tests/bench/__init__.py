"""``make bench``: figures and ratios, never in timed tests."""
