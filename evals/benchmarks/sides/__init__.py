"""What the processes of a benchmark do: one module for each side, one function for each task.

`own.py` is this project. The others run in environments of their own and import nothing of it but `measure.py` and
`corpus.py`; each uses its system as its documentation shows it. Each is called as `python -m
evals.benchmarks.sides.NAME JOB.json`.
"""
