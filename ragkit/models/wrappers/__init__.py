"""Chat models around chat models: each adds one thing, and they nest in any order.

    patient = RetryChatModel(model=inner, policy=RetryPolicy(attempts=3))
    model = CachedChatModel(model=patient, cache=SQLiteCache(Path("replies.sqlite3")))

Open `around.py` first: what every wrapper takes over from the model inside, and the four methods it adds. `calls.py` is
how that model is called, `places.py` how its `bind_tools` and `with_structured_output` come out with the wrapper in its
place, `notes.py` how a reply says what was done to it (`response_metadata["ragkit"]`), `usage.py` what it says it took.

- `retry.py` asks again; `fallback.py` asks another (`routed.py` reads answers as the one that gave them would).
- `cached.py` asks once for equal questions (`question.py`); `sqlite_cache.py` is LangChain's `BaseCache` in a file,
  whose rows are the plain JSON of `reply_json.py`.
- `metered.py` tells a `meter.py` what calls took and cost.
- `limited.py` waits for its turn; `limiter.py` is LangChain's `BaseRateLimiter` for requests and tokens.

`SQLiteCache` and `RateLimiter` serve any LangChain model alone. May import: langchain-core, `ragkit.remote`,
`ragkit.messages.tokens`, `ragkit.errors`.
"""
