from __future__ import annotations

import pytest

from trio_realtime import ServerError
from trio_realtime.session_tasks.item_answers import ItemAnswers


@pytest.fixture
def answers():
    return ItemAnswers()


def test_each_change_has_its_own_answer(answers):
    one, two = answers.expect("create", "i1", "e1"), answers.expect("create", "i2", "e2")
    gone = answers.expect("delete", "i1", "e3")
    answers.done("create", "i2")
    answers.done("create", "i9")
    assert [waiter.answered.is_set() for waiter in (one, two, gone)] == [False, True, False]
    answers.done("delete", "i1")
    assert gone.answered.is_set()
    assert gone.error is None
    answers.done("delete", "i1")
    assert not one.answered.is_set()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"event_id": "e2"}, 1),
        ({"event_id": "e3", "param": "item"}, 2),
        ({"event_id": "e9", "param": "item"}, None),
        ({"param": "item.content[0].type"}, 0),
        ({"param": "item[0]"}, 0),
        ({"param": "previous_item_id"}, 0),
        ({"param": "previous_item_id", "message": "not i2"}, 1),
        ({"code": "item_delete_invalid_item_id", "param": "item_id"}, 2),
        ({"code": "item_truncate_invalid_item_id", "param": "item_id"}, None),
        ({"param": "session.tools"}, None),
        ({}, None),
    ],
)
def test_whose_refusal_it_is(answers, fields, found):
    waiters = [
        answers.expect("create", "i1", "e1"),
        answers.expect("create", "i2", "e2"),
        answers.expect("delete", "i1", "e3"),
    ]
    error = ServerError(**{"message": "No.", **fields})
    assert answers.refused(error) is (found is not None)
    assert [waiter.error for waiter in waiters] == [error if i == found else None for i in range(3)]
    assert [waiter.answered.is_set() for waiter in waiters] == [i == found for i in range(3)]


def test_nobody_waits(answers):
    assert not answers.refused(ServerError("No.", param="item"))
    waiter = answers.expect("create", "i1", "e1")
    assert not answers.refused(ValueError("No."))
    answers.forget(waiter)
    answers.forget(waiter)
    assert not answers.refused(ServerError("No.", param="item"))


def test_the_end(answers):
    waiters = [answers.expect("create", "i1", "e1"), answers.expect("delete", "i2", "e2")]
    error = ServerError("gone")
    answers.fail_all(error)
    assert [waiter.error for waiter in waiters] == [error, error]
    answers.fail_all(error)
