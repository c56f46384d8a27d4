"""Word lists of the sentence rules in `prose.py`; all are lower case, without the final stop."""

from __future__ import annotations

__all__ = ["FUNCTION_WORDS", "MAY_END", "MONTHS", "NEVER_END", "NUMBERED", "NUMBERED_OR_WORD", "STARTERS"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEVER_END = _words("""
    dr drs mr mrs ms messrs mme mlle prof hon e.g eg i.e ie cf viz vs resp sra srta d.h z.b u.a bzw vgl evtl ggf sog
""")
"""A name or the rest of the sentence must follow."""

MAY_END = _words("""
    inc ltd co corp cos llc plc bros mfg intl assn assoc dept dist div est univ inst jr sr esq etc al ph.d m.sc b.sc
    m.phil d.phil st ste mt ft ave blvd rd hwy sq bldg apt gen sen rep gov pres col lt maj sgt capt cmdr cpl adm brig
    pvt rev fr supt atty insp ed eds trans tr repr rev comp approx appr ca circa c b d r ibid op cit loc sec secs min
    mins hr hrs yr yrs mo mos wk wks oz lb lbs kg km cm mm sp spp subsp var cv gov govt natl int'l dep def abbr
    aka incl excl max avg temp conf proc symp eng sci med lit orig pseud usw ua mio mrd tel nr str geb gest sog
    ee ee.uu uu ud uds vd av pág págs núm
""")
"""Ends the sentence only before a word that often begins one."""

NUMBERED = _words("""
    fig figs eq eqs eqn vol vols pp pg pgs no nos nr art arts ch chap chaps sec sect sects par para paras tab ref refs
    app ex ver v p l ll f ff n nn jan feb mar apr jun jul aug sep sept oct nov dec ca approx
""")
"""Goes on when a number or a short label follows."""

NUMBERED_OR_WORD = _words("no nos art arts mar jan app ex tab ref refs par sun")
"""Of `NUMBERED`: also a word of its own, which ends a sentence like any other."""

MONTHS = _words("""
    januar jänner februar märz april mai juni juli august september oktober november dezember jahrhundert jahrhunderts
    jahrhunderte jh klasse mal
""")
"""German words before which a small number with a stop is an ordinal."""

STARTERS = _words("""
    the a an in on at it he she they we you i this that these those there here when while after before however but and
    or so if as for from with by to of its his her their our my your some many most all both each several such since
    although though because then thus also another one two three other others what who whose why how where which not
    no yes during under over according despite following until once today moreover furthermore meanwhile
    nevertheless instead unlike like between among through within without despite due only even every any please
    der die das den dem ein eine einen einer er sie es wir im am bei mit nach von zu für auf aus als wenn dies diese
    dieser dieses seit durch auch aber und doch so zwar während
    el la los las un una en se su sus por para con este esta estos estas no al del como cuando pero también
    le les une il elle ils elles dans ce cette ces au aux du des mais et
""")
"""Words that often begin a sentence: English, German, Spanish, French."""

FUNCTION_WORDS = _words("""
    a an the of and or nor but in on to for with by from at as into than that which who whose is are was were be been
    has have had will would may can could should shall must not its his her their our your my this these those both
    between under over per via versus & de la le les el los las del des du et y der die das den dem und oder von zu im
    am mit für
""")
"""A line that ends with one of these goes on in the next."""
