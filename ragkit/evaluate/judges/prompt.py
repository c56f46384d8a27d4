"""What a chat model is asked: texts that are files, numbered so that a changed text is another judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.evaluate.chat import Message
from ragkit.evaluate.judge import Claim

__all__ = ["SUPPORT_VALUES", "JudgePrompt"]

SUPPORT_VALUES: Mapping[str, float] = {"supported": 1.0, "partly supported": 0.5, "not supported": 0.0}
"""What the verdicts of `support.v1` are worth."""

_SEPARATOR = "\n---\n"
_FENCE = "```"


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """A prompt, the verdicts it allows and what they are worth.

    Both texts know `$mark`, a word that stands nowhere in the material, for the lines around it: so nothing that is
    written in evidence can pass for its end. `user` also knows `$claim`, `$evidence` and `$question`.
    """

    name: str
    """With its version, such as `support.v1`."""
    system: str
    user: str
    values: Mapping[str, float] = field(default_factory=lambda: SUPPORT_VALUES)
    """Each verdict's worth, from 0 to 1."""

    def __post_init__(self) -> None:
        if not self.values or any(not 0 <= value <= 1 for value in self.values.values()):
            raise ConfigError(f"a verdict is worth between 0 and 1, got {dict(self.values)} for {self.name}.")

    @classmethod
    def load(cls, name: str = "support.v1") -> JudgePrompt:
        """Read a prompt that comes with ragkit.

        Raises:
            ConfigError: If there is none of that name.
        """
        folder = files("ragkit.evaluate.judges") / "prompts"
        known = sorted(file.name.removesuffix(".txt") for file in folder.iterdir() if file.name.endswith(".txt"))
        if name not in known:
            raise ConfigError(f"there is no prompt {shorten(repr(name))}: choose one of {', '.join(known)}.")
        system, _, user = (folder / f"{name}.txt").read_text(encoding="utf-8").partition(_SEPARATOR)
        return cls(name=name, system=system.strip(), user=user.strip())

    @property
    def card(self) -> Mapping[str, Any]:
        """Name, and the sha256 of all that is asked: two prompts of one name are told apart."""
        content = json.dumps([self.system, self.user, dict(self.values)], ensure_ascii=False)
        return {"name": self.name, "sha256": hashlib.sha256(content.encode()).hexdigest()}

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
        # A hash of the material cannot stand in the material: whoever wrote it would need to invert sha256.
        material = f"{claim.question}\0{claim.evidence}\0{claim.claim}"
        slots = {
            "mark": hashlib.sha256(material.encode()).hexdigest()[:16],
            "claim": claim.claim,
            "evidence": claim.evidence,
            "question": claim.question or "(not known)",
        }
        return (
            Message("system", Template(self.system).safe_substitute(slots)),
            Message("user", Template(self.user).safe_substitute(slots)),
        )

    def read(self, text: str) -> float:
        """Give what a reply's verdict is worth.

        Args:
            text: One JSON object, bare or as the only code block of the reply.

        Raises:
            OutputParseError: If it is anything else.
        """
        try:
            said = _Said.model_validate_json(_bare(text))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise OutputParseError(f"{where + ': ' if where else ''}{first['msg']}", text) from error
        if said.verdict not in self.values:
            expected = ", ".join(f'"{verdict}"' for verdict in self.values)
            raise OutputParseError(f"the verdict is {shorten(repr(said.verdict))}; expected one of {expected}", text)
        return self.values[said.verdict]


def _bare(text: str) -> str:
    """Take off the fence of a reply that is one code block: the one ornament that leaves no doubt what is meant."""
    inner = text.strip()
    if inner.startswith(_FENCE) and inner.endswith(_FENCE) and inner.count(_FENCE) == 2:
        return inner.removeprefix(_FENCE).removeprefix("json").removesuffix(_FENCE)
    return inner
