"""Faults against real processes on real servers: what must hold whatever happens to any of them."""
