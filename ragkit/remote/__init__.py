"""What talking to another machine needs, whoever talks: retries and deadlines, prices, the client, the hub.

Start at `policy.py` (how often, how long, how patiently); `prices.py` reads the dated price table; `openai_client.py`
makes the client of an OpenAI-compatible server, `openai_errors.py` turns its errors into ours, `transport.py` and
`sockets.py` bound what it reads and waits for, as a `watch.py` of the caller says; `hub.py` finds and fetches models.
May import: errors, `_optional`, huggingface_hub (in `hub.py`), openai (in `openai_*.py`), httpx2 (in `transport.py` and
`sockets.py`). No LangChain.
"""
