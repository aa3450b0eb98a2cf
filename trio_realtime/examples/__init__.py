"""Small programs to begin from; each runs as ``python -m trio_realtime.examples.<name>``.

``quickstart``, ``tool``, ``approval``, ``handoff`` and ``guardrail``. With ``OPENAI_API_KEY`` set they talk to OpenAI,
with ``--url ws://...`` to another server, else to a local server that they start themselves.
"""
