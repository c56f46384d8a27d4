"""What computes tokens: each engine turns a `Request` of token ids into a `Generation` of token ids.

Start at `choose.py`, which picks the engine for a model. `batching.py` is the decode loop for models whose state is
plain attention: requests join and leave a running batch (`decoder.py` computes, `packed.py` lets rows of any length
share a pass, `keyvalues.py` holds their key-values) and `prefix.py` keeps what was computed for the next turn.
`plain.py` runs transformers' own `generate` for every other model. Both are a `queue.py`, whose thread takes requests
up. `admission.py` checks requests, `sampling.py` chooses tokens, `stream.py` hands them over. May import: errors,
`_optional`, `generation.py`, torch, transformers.
"""
