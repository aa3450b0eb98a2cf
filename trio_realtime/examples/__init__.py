"""Small programs to begin from; each runs as ``python -m trio_realtime.examples.<name>``."""
