"""What every test can use."""

pytest_plugins = ["tests.plugins.servers"]
