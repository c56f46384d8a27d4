"""Models of OpenAI and of every server that speaks its API. Start at `chat.py`.

`chat.py` has the four ways to be asked, each through `calls.py` (bounded in time, errors in our words) and `streams.py`
(what may be asked again); `configured.py` has the options and the clients; `chunks.py`, `replies.py` and `usage.py` are
plain steps on what comes back. Importing the room needs the extra `openai`.
"""

from __future__ import annotations

from ragkit._optional import require

with require(feature="OpenAIChatModel", package="openai", extra="openai"):
    import openai as openai
with require(feature="OpenAIChatModel", package="langchain_openai", extra="openai"):
    import langchain_openai as langchain_openai
