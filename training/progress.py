"""Progress: a bar on everything that takes longer than a breath.

>>> with steps(2, "Counting", show=False) as tick:
...     tick("one"); tick("two")
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Tick = Callable[[str], None]


def silent(_doing: str) -> None:
    """A tick that nobody watches."""


@contextmanager
def steps(total: int, title: str, *, show: bool = True) -> Iterator[Tick]:
    """A bar of `total` steps on standard error; call the tick at the start of each."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as bar:
        task = bar.add_task(title, total=total)
        done = -1

        def tick(doing: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=f"{title}: {doing}")

        yield tick
        bar.update(task, completed=total, description=title)


@contextmanager
def chunks(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar whose total is told with each advance: `advance(done, total)`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
