"""Who says whether evidence supports a claim: offline detectors, chat models, recordings; and their calibration.

Open first: `../judge.py` (the Protocol: claims in, outcomes from 0 to 1 out), then

- `overlap.py`, `embedding.py`, `support.py`  need no chat model; `support.py` joins them, the default
- `units.py`                                  what they share: sentences, windows, and the terms a claim must find again
- `detectors.py`                              the same by name, with their thresholds (`detectors.json`) and how far
                                              they agree with people (`agreement.json`)
- `responses.py`                              responses as rows of a run: each sentence a claim
- `chat.py`, `prompt.py`                      any chat model as a judge, in constrained JSON
- `relevancy.py`                              does an answer speak to its question?
- `recorded.py`, `langchain.py`               a model that is never asked twice; any LangChain model
- `calibration.py`                            how far a judge agrees with people, before its mean is shown

May import `text`, `encoder`, `prompts`, `answer.question` and the rooms of `evaluate`; langchain_core in `langchain.py`
only.
"""
