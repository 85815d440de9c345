"""Calls: how many are in hand, and how long each may take.

A call that runs out of time is answered and abandoned, not cancelled: a model cannot be
stopped in mid-sum, and asyncio would forget the thread and start another beside it. Its
place is free again only when it has really ended, so abandoned work cannot pile up.

Errors: TooSlow (504), NotReady (503, kind "busy").
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from serving.errors import NotReady, TooSlow


class Calls:
    """At most `most` calls at a time, each `timeout_seconds` long."""

    def __init__(self, most: int, timeout_seconds: float) -> None:
        self.most, self.timeout_seconds = most, timeout_seconds
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, call: Coroutine[Any, Any, None]) -> None:
        """Wait for this call, within its time."""
        if len(self._running) >= self.most:
            call.close()
            detail, step = f"{self.most} calls are in hand already.", "Try again after Retry-After seconds."
            raise NotReady(detail, kind="busy", next_step=step, headers={"Retry-After": "1"})
        task = asyncio.create_task(call)
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=self.timeout_seconds)
        if not done:
            raise TooSlow(f"No answer within {self.timeout_seconds:g} seconds.")
        task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # of an abandoned call: seen, not raised
