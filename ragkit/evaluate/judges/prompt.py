"""What a chat model is asked as a judge: a prompt file, and what its verdicts are worth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError
from ragkit.evaluate.chat import Message
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.objects import json_parser
from ragkit.prompts.prompt import Prompt

__all__ = ["SUPPORT_VALUES", "JudgePrompt"]

SUPPORT_VALUES: Mapping[str, float] = {"supported": 1.0, "partly supported": 0.5, "not supported": 0.0}
"""What the verdicts of `judge-support` are worth."""

_VARIABLES = {"claim", "evidence", "question"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """A prompt, the verdicts it allows and what they are worth.

    Its variables are `claim`, `evidence` and `question`, the last with a default. A variable of kind `mark` is a word
    that stands nowhere in the material, for the lines around it: so nothing that is written in evidence can pass for
    its end.
    """

    prompt: Prompt
    values: Mapping[str, float] = field(default_factory=lambda: SUPPORT_VALUES)
    """Each verdict's worth, from 0 to 1."""
    again: Prompt = field(default_factory=lambda: load_prompt("judge-again"))
    """What is said to a reply that cannot be read; its variable is `complaint`."""

    def __post_init__(self) -> None:
        if not self.values or any(not 0 <= value <= 1 for value in self.values.values()):
            raise ConfigError(f"a verdict is worth between 0 and 1, got {dict(self.values)} for {self.prompt.name}.")
        if set(self.prompt.variable_names) != _VARIABLES or "question" in self.prompt.required_names:
            raise ConfigError(
                f"prompt {self.prompt.name} cannot judge: its variables must be claim, evidence, and question with a "
                f"default, and are {', '.join(self.prompt.variable_names) or 'none'}."
            )

    @classmethod
    def load(cls, name: str = "judge-support", *, folder: str | Path | None = None) -> JudgePrompt:
        """Read a prompt by name.

        Args:
            name: One whose verdicts are those of `SUPPORT_VALUES`.
            folder: Prompts of your own, which come before those of ragkit.

        Raises:
            ConfigError: If there is none of that name, or it is not made for judging.
        """
        return cls(prompt=load_prompt(name, folder=folder), again=load_prompt("judge-again", folder=folder))

    @property
    def card(self) -> Mapping[str, Any]:
        """Name, version, and the sha256 of all that is asked: two prompts of one name are told apart."""
        content = json.dumps([self.prompt.sha256, self.again.sha256, dict(self.values)], ensure_ascii=False)
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"name": self.prompt.name, "version": self.prompt.version, "sha256": digest}

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of a reply: a reason first, so that the verdict can follow from it."""
        return {
            "type": "object",
            "properties": {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(self.values)}},
            "required": ["reason", "verdict"],
            "additionalProperties": False,
        }

    def messages(self, claim: Claim) -> Sequence[Message]:
        """Give what is asked about `claim`; the same claim gives the same words in every process."""
        material = {"claim": claim.claim, "evidence": claim.evidence}
        if claim.question:
            material["question"] = claim.question
        return plain_messages(self.prompt.render(material, seed=0))

    def read(self, text: str) -> float:
        """Give what a reply's verdict is worth.

        Args:
            text: One JSON object, bare or in the only code block of the reply, after thoughts or not.

        Raises:
            OutputParseError: If it is anything else.
        """
        return self.values[json_parser(self.schema).parse(text)["verdict"]]
