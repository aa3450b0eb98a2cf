"""What chooses the transport of a test."""

from __future__ import annotations

import pytest

from tests.transport.support import TRANSPORTS, Chosen


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test over each transport that works over streams."""
    monkeypatch.setattr(Chosen, "module", TRANSPORTS[request.param])
    name: str = request.param
    return name
