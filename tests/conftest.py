"""Settings that every test shares."""

import os

from hypothesis import settings

# No deadline, because time on a shared machine says nothing about correctness;
# repeatable in CI, because a gate must not depend on luck.
settings.register_profile("rtms_client", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rtms_client")
