"""Measurements of this server against what people would pick instead; see docs/benchmarks.md."""
