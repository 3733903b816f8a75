"""100,000 messages that are wrong in every way: mutated, truncated, repeated, out of order."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from rtms_client.config import ReconnectPolicy
from rtms_client.enums import Product
from rtms_client.protocol import Phase

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.property.conftest import MakeShell, Shell

MESSAGES = 5_000
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 4, 5, 7, 14, 18, 32, 2**31, 2**63, 2**64, 10**30),
    *(0.5, 1e300, -0.0, "", "0", "12", "x", "STATUS_OK", "\ud800", "\x00", "wss://evil.test"),
    *("AAAA", "A", "{", '{"data":{}}', "é" * 300, [], [None], [[[]]], {}, {"user_id": {}}),
)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_messages(
    seed: int,
    make_shell: MakeShell,
    corpus: dict[str, list[dict[str, object]]],
    requests: list[Callable[[Shell], int | None]],
) -> None:
    """Whatever arrives, in any order: a documented item or end, and every promise is kept."""
    dice = random.Random(seed)
    fed = 0
    while fed < MESSAGES:
        shell = make_shell(
            product=dice.choice(list(Product)),
            reconnect=dice.choice([None, ReconnectPolicy(), ReconnectPolicy(on_signals_only=True)]),
            unified=dice.random() < 0.2,
            strict=dice.random() < 0.1,
        )
        shell.start()
        while shell.session.phase is not Phase.CLOSED:
            fed += step(shell, dice, corpus, requests)


def step(
    shell: Shell,
    dice: random.Random,
    corpus: dict[str, list[dict[str, object]]],
    requests: list[Callable[[Shell], int | None]],
) -> int:
    """Let one thing happen; tell how many messages it was."""
    chance = dice.random()
    if shell.opening and chance < 0.5:
        number = dice.choice(list(shell.opening))
        (shell.opened if dice.random() < 0.95 else shell.failed)(number)
    elif chance < 0.02:
        shell.ask(lambda: dice.choice(requests)(shell))
    elif chance < 0.03:
        shell.pass_time(dice.choice([0.1, 1.0, 5.0, 20.0, 70.0]))
    elif shell.open and chance < 0.035:
        shell.lost(dice.choice(list(shell.open)), dice.choice([1000, 1006, 4000]))
    elif chance < 0.036:
        shell.ask(lambda: shell.session.close(shell.now))
    elif shell.open:
        return feed(shell, dice, corpus)
    else:
        shell.pass_time(1.0)
    return 0


def feed(shell: Shell, dice: random.Random, corpus: dict[str, list[dict[str, object]]]) -> int:
    """Send a message that may be wrong in itself, in its place, or in its number."""
    number = dice.choice(list(shell.open))
    kind = "signaling" if shell.open[number] == "signaling" else "media"
    if dice.random() < 0.05:
        kind = "media" if kind == "signaling" else "signaling"
    message = dice.choice(corpus[kind])
    if dice.random() < 0.3:  # the handshake first, or nothing else is possible
        message = corpus[kind][0]
    data = mutated(dice, message) if dice.random() < 0.7 else json.dumps(message).encode()
    repeats = dice.choice([1, 1, 1, 3])
    for _ in range(repeats):
        shell.receive(number, data)
    return repeats


def mutated(dice: random.Random, message: dict[str, object]) -> bytes:
    """Spoil a message: its values, its keys or its bytes."""
    copied = json.loads(json.dumps(message))
    chance = dice.random()
    if chance < 0.6:
        spoil(dice, copied)
        return json.dumps(copied).encode()
    data = bytearray(json.dumps(copied).encode())
    if chance < 0.7:
        del data[dice.randrange(len(data)) :]
    elif chance < 0.9:
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
    else:
        at = dice.randrange(len(data))
        data[at:at] = data[: dice.randrange(64)]
    return bytes(data)


def spoil(dice: random.Random, value: Any) -> None:  # noqa: ANN401  # any JSON
    """Replace, remove or add something, somewhere inside."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    place = dice.choice(places)
    inner = value[place]
    if isinstance(inner, dict | list) and inner and dice.random() < 0.7:
        spoil(dice, inner)
    elif dice.random() < 0.2:
        del value[place]
    elif isinstance(value, dict) and dice.random() < 0.2:
        value[dice.choice(["user_id", "event_type", "content", "timestamp", "x"])] = inner
    else:
        value[place] = dice.choice(STRANGE)
