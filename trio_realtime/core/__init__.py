"""State machines: pure functions and tables. Nothing here imports trio, opens a socket or reads a clock."""
