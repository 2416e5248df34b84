"""What stands behind the ports when the whole product runs in one process. Product code, held to the same suites."""
