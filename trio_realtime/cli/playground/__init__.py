"""The ``playground`` command: a local web page to hold and watch a call."""
