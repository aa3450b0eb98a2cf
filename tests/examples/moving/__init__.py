"""Programs for ``agents.realtime``; test_moving.py runs them there, moves them over, and runs them here."""
