"""Speed beside others, in one run on one machine.

Open `langchain.py` first: it runs the same passages through LangChain and ragkit, each in fresh processes, in turn.
`peer_round.py` and `ragkit_round.py` are what those processes do, `measure.py` the form of what they report. These
three are imported inside the peer's environment too, so `measure.py` imports the standard library only.
"""
