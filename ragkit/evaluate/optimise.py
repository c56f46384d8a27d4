"""Search of instructions and example sets for a prompt, under a budget of calls, with paired statistics."""
