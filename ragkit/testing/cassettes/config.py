"""vcrpy set up so that cassettes match by meaning, hold no secret, and read well.

In the `conftest.py` of those who run pytest-recording (the marker `ragkit_cassette` needs none of this):

    from ragkit.testing import register, vcr_config as safe_config

    @pytest.fixture
    def vcr_config():
        return safe_config()

    def pytest_recording_configure(config, vcr):
        register(vcr)

vcrpy's own error for a request that is not recorded tells the address as it was asked, not scrubbed; that of the marker
does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaml import YAMLError

from ragkit.disk.files import atomic_write
from ragkit.errors import RagkitError, shorten
from ragkit.testing.cassettes.findings import findings_in
from ragkit.testing.cassettes.layout import Layout
from ragkit.testing.cassettes.matching import BODY_MATCHER, MATCH_ON, body_matches
from ragkit.testing.cassettes.scrub import REQUEST_HEADERS, RESPONSE_HEADERS, Scrubber

if TYPE_CHECKING:
    from vcr import VCR

__all__ = ["CassetteError", "register", "vcr_config", "write_checked"]


class CassetteError(RagkitError):
    """A cassette cannot be read, or would hold what looks like a secret and is not written."""


def vcr_config(
    *,
    keep_request_headers: Collection[str] = (),
    keep_response_headers: Collection[str] = (),
    secret_names: Collection[str] = (),
    secrets: Collection[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Give vcrpy's options; the VCR they are for also needs `register`.

    Args:
        keep_request_headers: Headers to keep beside `accept`, `content-type` and `openai-beta`.
        keep_response_headers: Headers to keep beside those in `scrub.RESPONSE_HEADERS`.
        secret_names: Names of JSON fields and of query parameters whose value is secret, beside those in `scrub`.
        secrets: Texts that must not be kept anywhere, such as the key in use.
        options: Any other option of vcrpy, in the place of ours (`record_mode="none"`, what has to match).
    """
    scrubber = Scrubber(
        request_headers=REQUEST_HEADERS | set(keep_request_headers),
        response_headers=RESPONSE_HEADERS | set(keep_response_headers),
        secret_names=secret_names,
        secrets=secrets,
    )
    return {
        "match_on": list(MATCH_ON),
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
        **options,
    }


def register(vcr: VCR, *, allow: Sequence[re.Pattern[str]] = (), today: Callable[[], date] = date.today) -> None:
    """Teach a VCR our matcher of bodies, our layout of files, and to refuse to write secrets.

    Args:
        vcr: Changed in place; its way of finding files stays.
        allow: What one of these matches whole is no secret, whatever it looks like.
        today: Gives the date in the head of a file.
    """
    vcr.register_matcher(BODY_MATCHER, body_matches)
    vcr.register_serializer("yaml", Layout(today=today))
    vcr.register_persister(_Checked(vcr.persister, allow))


class _Checked:
    """Writes a cassette whole or not at all, and never one in which something looks like a secret."""

    def __init__(self, inner: Any, allow: Sequence[re.Pattern[str]]) -> None:
        self._inner = inner
        self._allow = allow

    def load_cassette(self, path: str | Path, serializer: Any) -> Any:
        from vcr.persisters.filesystem import CassetteDecodeError

        try:
            return self._inner.load_cassette(path, serializer)
        except (YAMLError, CassetteDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
            told = shorten(" ".join(str(error).split()))
            raise CassetteError(
                f"{Path(path).name} cannot be read ({type(error).__name__}: {told}): restore it, or record anew."
            ) from error

    def save_cassette(self, path: str | Path, cassette: dict[str, Any], serializer: Any) -> None:
        from vcr.serialize import serialize

        write_checked(Path(path), serialize(cassette, serializer), allow=self._allow)


def write_checked(file: Path, text: str, *, allow: Sequence[re.Pattern[str]] = ()) -> None:
    """Write a recording whole, or not at all.

    Raises:
        CassetteError: If something in it looks like a secret, and is not allowed; the file is as it was.
    """
    if found := findings_in(text, file.name, allow=allow):
        lines = "\n".join(str(finding) for finding in found)
        raise CassetteError(
            f"{file.name} was not written, as it would hold what looks like a secret; name the field in secret_names, "
            "or the value in secrets, of vcr_config; what is no secret is allowed by a regular expression under "
            f"ragkit_allow in pytest's configuration, or by `allow` of register:\n{lines}"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, text.encode())
