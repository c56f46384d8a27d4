"""A memory around what calls a model: wherever LangChain and LangGraph let one in.

- `chain.py`   around a plain chain, prompt and model
- `shown.py`   inside `RunnableWithMessageHistory`
- `graph.py`   as a LangGraph node or the hooks of one; `agent.py` the same for `create_agent`
- `session.py`, `turn.py`  below them: which conversation a call belongs to, and what was said in it

May import: what `ragkit.memory` may and `ragkit.memory.memory`; no strategy and no history by name.
"""
