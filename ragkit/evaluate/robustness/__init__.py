"""Does it hold when the world is not kind: noise, wrong sources, other words, typos, other people asking?

Open first: `reading.py` (who answers from given passages, as a callable), then the room you need:

- `rgb.py`        noise, negative rejection, integration and counterfactuals as in RGB; `cases.py` builds their cases
                  from any questions with answers, `counterfactual.py` swaps an answer for another of its kind
- `perturb.py`    typos, case, punctuation and paraphrase frames, by seed; `stability.py` measures what they change
- `bias.py`       the same question from people of other names, genders and dialects (`people.json`)
- `agreement.py`  overlap of two retrieved lists

May import what `ragkit.evaluate` may.
"""
