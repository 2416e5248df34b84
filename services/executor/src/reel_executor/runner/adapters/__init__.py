"""Ways to seal a program off, each for what it is made with. One of them is chosen at start, never silently."""
