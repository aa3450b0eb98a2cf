"""The tasks of a session and what joins them. Use :class:`trio_realtime.RealtimeSession`; nothing here is public."""
