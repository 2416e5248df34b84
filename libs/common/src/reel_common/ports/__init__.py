"""What we need of the world, as protocols: each states its guarantees and whose failure its errors are."""
