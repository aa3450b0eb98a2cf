"""The first example runs."""

from trio_realtime.examples import quickstart


async def test_quickstart(capsys):
    await quickstart.main()
    assert capsys.readouterr().out == (
        "[get_weather says: It is sunny in Lisbon.]\nHere is what I found: It is sunny in Lisbon.\n"
    )
