"""Statistics: pure functions over arrays of per-row values, numpy only.

Open first: `estimate.py` (a mean, or any statistic of a run, with its interval), then `paired.py` (is B better?).

- `resampling.py`            draws with replacement as weights, sign flips; in blocks, so memory stays small
- `intervals.py`             from draws to an interval
- `differences.py`           which measures can be below 0, known by their names
- `power.py`                 what difference n rows can show, and how many rows a difference needs
- `family.py`                several comparisons at once (Holm)
- `agreement.py`             do two raters, or a judge and people, say the same?
- `prediction_powered.py`    a mean of human labels made sharper by a judge's verdicts on more rows

How well the intervals cover and the tests keep their level is measured by `python -m evals.statistics`.
"""
