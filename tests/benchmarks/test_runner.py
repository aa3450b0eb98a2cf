"""Who is measured when."""

from __future__ import annotations

from itertools import pairwise
from threading import Barrier

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
    turns: int = 3
    all_there: Barrier | None = None
    asked: list[dict] = attrs.Factory(list)

    def run(self, requests, timeout=None):
        self.asked += requests
        if timeout is not None:
            self.all_there.wait(timeout=10)  # at once
        if self.fails:
            raise ClientFailed(f"{self.name}: it fell over")
        return [{"errors": 0, "turns": self.turns} for _ in requests]


def test_clients_of_a_live_load_take_turns_that_do_not_overlap(monkeypatch):
    monkeypatch.setattr("benchmarks.runner.load_generator", Generator)
    all_there = Barrier(3)
    clients = [Noted("a"), Noted("b", fails=True), Noted("c", turns=1)]
    for client in clients:
        client.all_there = all_there
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
        order = [name for _, name in turns]
        assert order[:3] == order[3:6][::-1] == order[6:]
        assert order[0] == first
        assert all(given["ends"] > turns[-1][0] + length for given in asked.values())
    left_out = {sample.client: sample.numbers["turns_left_out"] for sample in samples}
    assert left_out == {"a": 0, "c": 2}


def test_without_clients_nothing_is_measured(monkeypatch):
    monkeypatch.setattr("benchmarks.runner.load_generator", Generator)
    assert measure(plan("live", quick=True), [], 1, lambda _: None) == ([], [])


def test_one_client_after_another_has_no_turns(monkeypatch):
    monkeypatch.setattr("benchmarks.runner.load_generator", Generator)
    said, clients = [], [Noted("a"), Noted("b")]
    samples, failed = measure(plan("growth", quick=True), clients, 2, said.append)
    assert not failed
    assert [(sample.round, sample.client) for sample in samples] == [(0, "a"), (0, "b"), (1, "b"), (1, "a")]
    assert all("turns_left_out" not in sample.numbers and "server_cpu_s" in sample.numbers for sample in samples)
    assert [line.strip() for line in said if line.startswith(" ")] == ["a", "b", "b", "a"]
