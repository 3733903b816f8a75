"""Load the fixtures of rtms_client."""

pytest_plugins = ["rtms_client.testing.pytest_plugin"]
