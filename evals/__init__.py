"""Measurements, one runnable file each; they import ragkit only. `benchmarks/` stands beside other systems."""
