"""Labelled sets: who predicts, how a prediction is read, and runs that resume.

Open first: `predictor.py` (the one-method seam), then `baselines.py` (majority, chance, nearest neighbours, gazetteer),
`voting.py` (chosen examples vote), `fewshot.py` (a chat model shown examples), `runners.py` (classification and
entities over a run's folder) and `rewriting.py` (translation, summaries).
May import what `ragkit.evaluate` may.
"""
