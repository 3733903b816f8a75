"""The fixtures that users load on request."""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
pytest_plugins = ["rtms_client.testing.pytest_plugin"]
"""

TESTS = """
import pytest
from websockets.asyncio.client import connect

@pytest.mark.asyncio
async def test_one_server(rtms_server):
    async with connect(rtms_server.signaling_url, ssl=rtms_server.ssl_context()):
        pass

@pytest.mark.asyncio
async def test_own_server(start_rtms_server):
    server = await start_rtms_server(tls=False)
    assert server.signaling_url.startswith("ws://")

@pytest.mark.asyncio
async def test_bad_client(start_rtms_server):
    server = await start_rtms_server(tls=False)
    async with connect(server.signaling_url) as ws:
        await ws.send("junk")
        await server.wait_for(lambda entry: entry.message is None)
"""


def test_fixtures(pytester: pytest.Pytester) -> None:
    """Servers end with the test, and breaches of the protocol fail it."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*signaling #1: message is not a JSON object: 4 bytes"])
