"""Who is measured when."""

from __future__ import annotations

from itertools import pairwise

import attrs

from benchmarks.clients import ClientFailed
from benchmarks.plan import plan
from benchmarks.runner import measure


class Generator:
    """A load generator that nobody connects to."""

    def __init__(self):
        self.port = 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def url(self, script, id):
        return f"ws://x/?{id}"

    def stats(self, id):
        return {"server_cpu_s": 0.0}


@attrs.define
class Noted:
    """A client that notes what it was asked."""

    name: str
    fails: bool = False
    asked: list[dict] = attrs.Factory(list)

    def run(self, requests):
        self.asked += requests
        if self.fails:
            raise ClientFailed(f"{self.name}: it fell over")
        return [{"errors": 0} for _ in requests]


def test_clients_of_a_live_load_take_turns_that_do_not_overlap(monkeypatch):
    monkeypatch.setattr("benchmarks.runner.load_generator", Generator)
    clients = [Noted("a"), Noted("b", fails=True), Noted("c")]
    benchmark = plan("live", quick=True)
    benchmark = attrs.evolve(benchmark, cases=benchmark.cases[:1], turns=3)
    samples, failed = measure(benchmark, clients, 2, lambda _: None)
    assert failed == ["b: it fell over"] * 2
    assert sorted((sample.round, sample.client) for sample in samples) == [(0, "a"), (0, "c"), (1, "a"), (1, "c")]
    for number, first in ((0, "a"), (1, "b")):
        asked = {client.name: client.asked[number] for client in clients}
        turns = sorted((begins, name) for name, given in asked.items() for begins in given["turns"])
        length = asked["a"]["warm_seconds"] + asked["a"]["seconds"]
        assert all(after - before > length for (before, _), (after, _) in pairwise(turns))
        assert [name for _, name in turns[:3]] == [name for _, name in turns[3:6]] == [name for _, name in turns[6:]]
        assert turns[0][1] == first
        assert all(given["ends"] > turns[-1][0] + length for given in asked.values())
