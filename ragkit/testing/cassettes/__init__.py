"""HTTP exchanges recorded once and replayed without the network, on vcrpy; nothing secret reaches the file.

    @pytest.mark.ragkit_cassette
    def test_it_answers(): ...

`pytest` replays `cassettes/<module>/<test>.yaml` beside the test and shuts the network; `pytest --ragkit-record` (or
`python -m ragkit.testing.cassettes record tests/...`) records anew; `python -m ragkit.testing.cassettes check DIR`
looks for what should not be there. What looks like a secret is not written, unless a regular expression under
`ragkit_allow` in pytest's configuration allows it. Tests that name one cassette, `ragkit_cassette("name")`, are
recorded together. Those who run pytest-recording themselves take `vcr_config` and `register`.

Open first `config.py`. `scrub.py` takes out what is secret, `bodies.py` and `streams.py` read bodies, `matching.py`
compares requests, `layout.py` writes the file, `shapes.py`, `fields.py` and `entropy.py` know what keys look like and
where they stand, `findings.py` looks for them.
"""
