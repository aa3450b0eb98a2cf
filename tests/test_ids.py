import re

import pytest

from trio_realtime.ids import new_id


@pytest.mark.parametrize("kind", ["item", "event", "call", "resp", "sess", "conv"])
def test_short_enough_for_the_service_and_never_the_same(kind):
    ids = {new_id(kind) for _ in range(200)}
    assert len(ids) == 200
    for value in ids:
        assert re.fullmatch(rf"{kind}_[A-Za-z0-9]{{21}}", value)
        assert len(value) <= 32
