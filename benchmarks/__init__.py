"""Measures trio_realtime beside the reference, and event latency of programs of your own.

``python -m benchmarks`` runs everything; README.md says what each number means.
"""
