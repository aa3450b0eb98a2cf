"""The README's table of deadlines says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trio_realtime.config import RealtimeRunConfig
from trio_realtime.transport.base import TransportConfig

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README[README.index("\n## Deadlines\n") :].split("\n## ", 2)[1]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(("wait", "setting", "default", "because"), ROWS[1:], ids=lambda text: text[:30])
def test_each_row(wait: str, setting: str, default: str, because: str) -> None:
    match = re.match(r"`(\w+)\.(\w+)`", setting)
    assert match is not None
    settings = TransportConfig() if match[1] == "transport_config" else getattr(RealtimeRunConfig(), match[1])
    assert str(getattr(settings, match[2])).removesuffix(".0") == default
    assert wait
    assert because


def test_every_deadline_of_the_configuration_is_in_it() -> None:
    config = RealtimeRunConfig()
    named = {f"timeouts.{field.name}" for field in type(config.timeouts).__attrs_attrs__} - {"timeouts.heartbeat"}
    named |= {"guardrails_settings.timeout", "delivery.max_block_ms", "limits.goodbye_timeout"}
    named |= {f"transport_config.{f.name}" for f in TransportConfig.__attrs_attrs__ if "timeout" in f.name}
    assert named <= {name for row in ROWS[1:] for name in re.findall(r"`([\w.]+)`", row[1])}
