"""Fixtures for pytest, loaded on request.

In the ``conftest.py`` of the test suite::

    pytest_plugins = ["rtms_client.testing.pytest_plugin"]

They need pytest-asyncio.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
import pytest_asyncio
from typing_extensions import Unpack

from ._meeting import MeetingScript
from ._server import FakeRTMSServer
from ._server_settings import StreamOptions

__all__ = ["StartServer", "rtms_server", "start_rtms_server"]


class StartServer(Protocol):
    """Starts a fake server that ends with the test."""

    def __call__(
        self,
        meeting: MeetingScript | None = None,
        *,
        tls: bool = True,
        **options: Unpack[StreamOptions],
    ) -> Awaitable[FakeRTMSServer]:
        """Start a server; the options are those of `FakeRTMSServer`."""
        ...


@pytest_asyncio.fixture
async def start_rtms_server() -> AsyncIterator[StartServer]:
    """Start fake servers that end with the test.

    The test fails if a client broke the protocol; clear ``server.violations`` where that is
    intended.
    """
    servers: list[FakeRTMSServer] = []
    async with AsyncExitStack() as stack:

        async def start(
            meeting: MeetingScript | None = None,
            *,
            tls: bool = True,
            **options: Unpack[StreamOptions],
        ) -> FakeRTMSServer:
            server = await stack.enter_async_context(FakeRTMSServer(meeting, tls=tls, **options))
            servers.append(server)
            return server

        yield start
    breaches = [str(violation) for server in servers for violation in server.violations]
    if breaches:
        pytest.fail("the client broke the protocol:\n" + "\n".join(breaches), pytrace=False)


@pytest_asyncio.fixture
async def rtms_server(start_rtms_server: StartServer) -> FakeRTMSServer:
    """Give a fake server with TLS and a meeting in which nothing happens by itself."""
    return await start_rtms_server()
