"""What a row is worth: pure functions from what was retrieved, said or predicted to numbers.

Each module is one family and reads on its own: `retrieval.py` (ranked lists), and those of answers, citations,
groundedness, abstention, calibration, classes, entities and translations beside it. A number is a fraction from 0 to 1
unless its docstring says otherwise; what cannot be measured is `Unscored` with a reason, never 0. Means and intervals
are made in `ragkit.evaluate.statistics`.

May import `ragkit.evaluate.outcome`, `ragkit.text`, numpy, and the package that defines a measure (extra `eval`); no
framework, no collection, no model.
"""
