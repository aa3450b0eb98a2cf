"""Wires that carry whole messages."""
