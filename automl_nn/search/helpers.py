"""Processes that work beside this one and send what they find."""

import multiprocessing
import queue
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, Self, final

CONTEXT = multiprocessing.get_context("spawn")
"""What makes the processes, and the locks that they share."""

Work = Callable[..., Generator[Any, None, None]]
"""What a process does, a function of a module: it yields what the parent is sent."""


@final
class Helpers:
    """Processes that work beside this one; those that have not ended with the block are ended by it.

    They are not told of Ctrl-C, which the parent is told of, too, and they end if the parent is gone.

    Args:
        work: What each of them does.
        arguments: What each of them does it with.
        end: When the time is over, in seconds since 1970: a process that is still starting then is too late.

    Example:
        >>> with Helpers(iter, []) as helpers:
        ...     list(helpers.found())
        []
    """

    def __init__(
        self, work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], *, end: float = float("inf")
    ) -> None:
        self._channel: Any = CONTEXT.Queue()
        self._helpers = [_Helper(CONTEXT, (work, own, self._channel), end=end) for own in arguments]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            helper.process.terminate()
        for helper in self._helpers:
            helper.process.join(timeout=10)

    def found_so_far(self) -> Iterator[Any]:
        """What has been sent and not been asked for yet."""
        while self._helpers:
            try:
                yield self._channel.get_nowait()
            except queue.Empty:
                return

    def found(self) -> Iterator[Any]:
        """What is sent until all processes have ended; what one that dies has not sent is missing."""
        while self._helpers:
            is_anyone_working = any(helper.is_working for helper in self._helpers)
            try:
                yield self._channel.get(timeout=0.2)
            except queue.Empty:
                if not is_anyone_working:
                    return


def leave_if_starting() -> None:
    """End this process with a sentence if it is a helper that is being started by running the script of its parent.

    A script that searches outside of `if __name__ == "__main__":` would search in each of its helpers, too.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself tells
        sys.exit(
            'Each process of a search runs the script again before it helps: put what searches under `if __name__ == "'
            '__main__":`, or search with n_workers=1. The search goes on without this process.'
        )


@final
class _Helper:
    """A process that works beside this one.

    Args:
        context: Which makes processes.
        arguments: Those of `_run`, but for the last one.
        end: When a process that has not begun is too late.
    """

    def __init__(self, context: Any, arguments: tuple[Any, ...], *, end: float) -> None:
        self._has_begun, self._end = context.Event(), end
        self.process = context.Process(target=_run, args=(*arguments, self._has_begun), daemon=True)
        self.process.start()

    @property
    def is_working(self) -> bool:
        """Whether there is anything to wait for."""
        return self.process.is_alive() and (self._has_begun.is_set() or time.time() < self._end)


def _run(work: Work, arguments: tuple[Any, ...], channel: Any, has_begun: Any) -> None:
    """Work in this process and send what is found, as long as there is somebody to read it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parent = multiprocessing.parent_process()
    has_begun.set()
    with closing(work(*arguments)) as found:
        for one in found:
            if parent is not None and not parent.is_alive():
                channel.cancel_join_thread()  # nobody reads any more
                return
            channel.put(one)
