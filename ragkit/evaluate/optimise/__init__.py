"""Search of instructions and example sets for a prompt, under a hard budget of calls, with paired statistics.

Nothing is learnt and nothing is hidden: candidates are measured on the same rows, the worse half is dropped, what is
left is measured on more rows, and the winner meets the start once more on rows that no choice has seen.

Open first: `search.py` (`optimise`, the whole story), then
- `result.py`      what came of it: the better builder, the trail of all candidates, the files
- `candidates.py`  instructions times ways to choose examples: fixed, none, random, stratified, nearest, greedy
- `halving.py`     who is measured on how many rows: plans and races, pure functions
- `greedy.py`      one example after the other
- `proposing.py`   a named model writes instructions to try
- `bench.py`       questions, replies and the budget; `scoring.py` what a reply is worth; `split.py` who sees which rows

Sources: successive halving (Karnin, Koren and Somekh, ICML 2013; Jamieson and Talwalkar, AISTATS 2016), greedy forward
selection (Whitney, IEEE Transactions on Computers 20, 1971), instructions written by a model (APE; Zhou et al., ICLR
2023). As a point of reference: DSPy's `BootstrapFewShotWithRandomSearch` (Khattab et al., ICLR 2024) measures random
example sets on all validation rows and keeps the best. That is `random_sets` here, with the rows shared out by halving
and a test on held-out rows, which it leaves to its user.
"""
