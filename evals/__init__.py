"""Benchmarks, one runnable file each; they import ragkit only."""
