"""Chat models that run here, from Hugging Face weights.

Start at `chat.py` (`LocalChatModel`, the LangChain rim); `call.py` is one call of it and `listener.py` what is heard of
the reply. Below them, `generation.py` is the seam: `engines/` turn token ids into token ids and know nothing of
messages; `prompt.py` lays messages out by the model's own chat template (`control.py` keeps what users write from
being read as control tokens), `replies.py` turns tokens back into text, `tools/` reads and constrains tool calls,
`weights.py` loads.
"""
