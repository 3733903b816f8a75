"""Where user code is at this moment: for telling what keeps a slow consumer busy."""

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

__all__ = ["depth_of", "of_task", "of_thread"]

_WAITS: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


def _folders(*names: str) -> tuple[str, ...]:
    return tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in names})


_PACKAGE: Final = f"{Path(__file__).parents[1]}{os.sep}"
_INSTALLED: Final = _folders("purelib", "platlib")
_LIBRARIES: Final = ("<frozen ", *_folders("stdlib", "platstdlib"), *_INSTALLED)


def of_task(task: "asyncio.Task[None]") -> str | None:
    """Return file, line and name of the function in which a task waits; `None` when unknown."""
    return _place([*_awaited(task.get_coro())])


def of_thread(ident: int, depth: int = 0) -> str | None:
    """Return file, line and name of the function that a thread runs; `None` when unknown.

    Args:
        ident: The thread.
        depth: How many of the outermost functions do not count.
    """
    frames_of: Callable[[], dict[int, FrameType]] = vars(sys)["_current_frames"]  # documented
    return _place([*_callers(frames_of().get(ident))][::-1][depth:])


def depth_of(frame: FrameType | None) -> int:
    """Return how many functions have called each other, up to and with this one."""
    return sum(1 for _ in _callers(frame))


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and those that called it, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _awaited(awaitable: object) -> Iterator[FrameType]:
    """Yield the frames of coroutines and generators that await each other, outermost first."""
    while True:
        found = [names for names in _WAITS if getattr(awaitable, names[0], None) is not None]
        if not found:
            return
        frame_name, next_name = found[0]  # what `types.coroutine` makes may have two kinds
        yield getattr(awaitable, frame_name)
        awaitable = getattr(awaitable, next_name)


def _place(frames: list[FrameType]) -> str | None:
    """Describe the innermost frame of the user; those of libraries below it say less.

    Code that is installed like a library has no such frame: then the outermost one is its own.
    """
    others = [frame for frame in frames if not _lies_in(frame, (_PACKAGE,))]
    own = [frame for frame in others if not _lies_in(frame, _LIBRARIES)]
    installed = [frame for frame in others if _lies_in(frame, _INSTALLED)]
    for frame in (*own[-1:], *installed[:1]):
        code = frame.f_code
        return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
    return None


def _lies_in(frame: FrameType, folders: tuple[str, ...]) -> bool:
    return frame.f_code.co_filename.startswith(folders)
