"""Engines: a batch of tokens in, unit vectors out. One seam, several ways to compute.

Start at `engine.py` (the seam and the names), then `openvino.py`, whose graph `graph.py` builds from the weights.
`openvino.py` and `graph.py` alone import openvino, `sentence_transformers.py` alone imports torch.
"""
