"""What services say to each other: versioned classes, one envelope, and the topology as data."""
