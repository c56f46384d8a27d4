from __future__ import annotations

import string

from ragkit.models.local.tools.call_ids import call_ids


def test_ids_are_nine_letters_or_digits_and_repeat_with_their_source() -> None:
    ids = [call_ids(source)(index) for source in (b"a", b"b") for index in (0, 1, 2)]
    assert len(set(ids)) == 6
    assert all(len(one) == 9 and set(one) <= set(string.ascii_letters + string.digits) for one in ids)
    assert call_ids(b"a")(2) == ids[2]
