"""The reference and this library hold the same conversations, and what they do is compared.

A scenario is a file ``scenarios/<group>/<name>.yaml``. It is played twice, each time with a scripted server of its own
(``peer.py``) on a real loopback socket: by the reference in a process of its own (``driver_reference.py``) and by this
library (``driver_ours.py``). Three traces are compared: ``wire`` (the handshake and the client events), ``events`` (the
session events as the application reads them) and ``app`` (what the application's own functions saw, and what calls of
the session raised). Every difference has to be listed in the scenario, with the line of the README's table "Moving from
agents.realtime" that it belongs to. A difference that is not listed fails, and so does a listed one that does not occur.

    title: One sentence.
    agents:                     # the first one begins; without agents there is "Assistant"
      - {name: Assistant, instructions: Be kind., tools: [get_weather], handoffs: [Other], output_guardrails: [no_secret]}
    run_config: {...}           # as the application would give it; "@name" is a callable or object of cast.py
    model_config: {...}         # the same; url and api_key are given unless "url: default", "api_key: null"
    context: {user: Robin}
    server: {updated: false}    # how the server behaves: peer.DEFAULTS
    steps:
      - do: {send_message: Hello}           # the application does something: acts.py; also pause and resume (reading)
      - expect: response.create             # one more of these must have come than was expected before
      - reply: {spoken: Hello, audio: [480]}            # a whole response; or text, calls, parts: Peer.reply
      - reply: {spoken: Long, open: true}               # one that goes on; then more, finish_reply
      - reply: {calls: [{name: get_weather, arguments: {city: Oslo}, call_id: call_a}]}
      - send: {type: ...}                   # any frame; raw: any text
      - {side: ours, reply: {text: Sorry}}  # a step of one side only, where the sides differ on purpose
      - wait: tool_end                      # only where a thread or a real clock is involved
    differs:
      - {line: a tool that raises ends the session, trace: wire, reference: [...], ours: [...]}

Nothing sleeps. After each step (unless it has ``sync: false``) the server sends a marker, the client must have read it,
have settled and have answered it, until nothing new happens; so each step begins when the one before has had its
whole effect. What a tool waits for is set by ``do: {release: name}``. The server confirms, deletes, truncates and
retrieves items, answers updates and cancellations by itself. Its ids are ``item_1``, ``resp_1``, ``call_1``..., items of
the client are ``sent_1``... in the order in which they came, whatever their real ids are.

Tools, guardrails and callables are written once for both libraries in ``cast.py``; a text that the application makes
goes through ``cast.gives``, an error through ``cast.fails``: all other texts for the model are the libraries' own words,
which are not compared. A few differences that are everywhere are taken out by ``normalise.py`` (``GLOBAL``).

    python -m tests.conformance.report                             all of them, as a table
    python -m tests.conformance.report --only NAME --traces        both sides' traces
    python -m tests.conformance.report --only NAME --hunks         the differences as they would be listed
    python -m tests.conformance.report --only NAME --accept LINE   list them, with that line of the README's table
    python -m tests.conformance.mutations                          does the suite notice a fault of the library?

A difference that no line allows is a fault: mend it, or give the table a line with a reason. Until then it can be listed
as ``line: BUG``, and the scenario stands in ``compare.BUGS``; a line that the table is to get, in ``compare.PROPOSED``.
"""
