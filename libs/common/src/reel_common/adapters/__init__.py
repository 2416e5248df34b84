"""What stands behind the ports. Only composition roots (``__main__``) and tests import from here."""
