import trio

from trio_realtime.server import AudioClip, Considered, Transcript
from trio_realtime.server._thoughts import Thoughts
from trio_realtime.server.actions import Consider

CLIP = AudioClip(pcm=b"", rate=24_000)


def thought(text, error=None):
    return Considered(Transcript(text, error=error))


async def test_the_words_of_a_pause_are_waited_for(autojump_clock):
    thoughts = Thoughts()
    one = Consider(1, CLIP)
    assert thoughts.want(one)
    assert thoughts.next() is one
    found = []

    async def wait():
        found.append(await thoughts.wait(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert found == []
        thoughts.put(one, thought("hello"))
    assert found == [Transcript("hello")]
    assert thoughts.next() is None
    assert thoughts.want(Consider(2, CLIP))


async def test_the_newest_pause_takes_the_place_of_one_that_waits():
    thoughts = Thoughts()
    one, two, three = (Consider(number, CLIP) for number in (1, 2, 3))
    assert thoughts.want(one)
    assert not thoughts.want(two)
    assert thoughts.next() is two
    assert not thoughts.want(three)
    thoughts.put(one, thought("late"))
    thoughts.put(two, thought("two"))
    assert await thoughts.wait(2) == Transcript("two")
    assert thoughts.next() is three


async def test_a_pause_that_was_passed_over_must_be_asked_about_anew():
    thoughts = Thoughts()
    one, two, three = (Consider(number, CLIP) for number in (1, 2, 3))
    thoughts.want(one)
    thoughts.next()
    thoughts.want(two)
    found = []

    async def wait():
        found.append(await thoughts.wait(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        thoughts.want(three)
    assert found == [None]


async def test_what_is_not_known_and_what_failed_must_be_asked_about_too():
    thoughts = Thoughts()
    assert await thoughts.wait(None) is None
    assert await thoughts.wait(7) is None
    one = Consider(1, CLIP)
    thoughts.want(one)
    thoughts.next()
    thoughts.put(one, thought("", error="no"))
    assert await thoughts.wait(1) is None
