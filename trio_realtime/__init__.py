"""Realtime voice agents on trio."""

from trio_realtime.__about__ import __version__ as __version__
