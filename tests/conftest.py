"""Keys and headers are looked for in every output of the whole suite.

Looked at are: every log record at DEBUG, whoever writes it; what tests print, and what is printed while they are set up
and torn down; the texts of failures; every exception of the library, its text and all its data, when it is made; and every
frame of every traceback that pytest shows. A test in whose time a canary is found fails.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.canary import leak_in
from trio_realtime.errors import AgentsException

FOUND: list[str] = []
"""What was found and not told yet."""
TOLD = pytest.StashKey[bool]()


def look(where: str, text: str) -> None:
    leak = leak_in(text)
    if leak is not None:
        FOUND.append(f"{where}: ...{leak}...")


class Watch(logging.Handler):
    """Looks at every record, with its arguments and its exception."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("asyncio", "hypothesis")):
            return
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001  a broken record has a test of its own
            return
        look(f"a log record of {record.name!r}", text)


def watch_errors() -> None:
    """Look at each error of the library when it is made, and whenever something is added to it."""
    make, put = AgentsException.__init__, AgentsException.__setattr__

    def __init__(self: Any, *args: Any) -> None:
        make(self, *args)
        look(f"the text of a {type(self).__name__}", repr(args))

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if isinstance(value, (str, dict, tuple, list)):
            look(f"{name} of a {type(self).__name__}", repr(value))
        put(self, name, value)

    AgentsException.__init__ = __init__  # type: ignore[method-assign]
    AgentsException.__setattr__ = __setattr__  # type: ignore[method-assign]


def pytest_configure(config: pytest.Config) -> None:
    watch_errors()
    logging.getLogger().addHandler(Watch())
    logging.getLogger().setLevel(logging.DEBUG)


@pytest.fixture(autouse=True)
def no_canary() -> Iterator[None]:
    """Fail the test in whose time a key or a header was seen."""
    FOUND.clear()
    yield
    found, FOUND[:] = list(FOUND), []
    if found:
        pytest.fail("a secret was seen in " + "; ".join(found), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if "found" in getattr(item, "fixturenames", ()) or item.stash.get(TOLD, False):
        return  # a test of this watch, or it has been told
    shown = "\n".join([report.longreprtext, *(text for _, text in report.sections)])
    leak = leak_in(shown)
    if leak is not None:
        item.stash[TOLD] = True
        report.outcome = "failed"
        report.longrepr = f"a secret was seen in what {item.nodeid} prints: ...{leak}..."
