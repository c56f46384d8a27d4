"""Short lists of words too common to be worth a lookup, per language, written for ragkit (public domain).

English leaves out "us" (also the country), "no", "not" and words that name things, such as "system" or "number".
"""

from __future__ import annotations

__all__ = ["STOP_WORDS"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "english": _words("""
        a about after all also am an and any are aren't as at be because been before being between both but by can
        can't cannot could couldn't did didn't do does doesn't doing don't during e.g each eg few for from further had
        hadn't has hasn't have haven't having he her here hers herself him himself his how i i'd i'll i'm i've i.e ie
        if in into is isn't it it's its itself just let's me more most my myself nor of off on once only or other our
        ours ourselves out over own same shall she should shouldn't so some such than that that's the their theirs
        them themselves then there there's these they they're they've this those through to too under until up very
        was wasn't we we're we've were weren't what what's when where which while who whom whose why will with won't
        would wouldn't you you're your yours yourself yourselves
    """),
    "german": _words("""
        aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist da damit
        dann das dass dein dem den denn der des dessen die dies diese diesem diesen dieser dieses doch dort du durch
        ein eine einem einen einer eines er es etwas euch für gegen hat hatte hatten hier ich ihm ihn ihnen ihr ihre
        ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes kann kein keine keinen können man mein mich
        mir mit muss nach nicht noch nun nur ob oder ohne sehr sein seine seinem seinen seiner sich sie sind so solche
        soll sollte über um und uns unser unter vom von vor war waren warum was weil welche welchem welchen welcher
        welches wenn wer werde werden wie wieder will wir wird wirst wo wurde wurden während zu zum zur zwischen
    """),
    "french": _words("""
        à afin ai aie au aussi autre aux avait avec avoir ayant c c'est car ce ceci cela celle celles celui ces cet
        cette ceux chez comme comment d dans de des donc dont du elle elles en encore entre est et étaient était étant
        été être eu eux fait fut hors ici il ils j je l la le les leur leurs lors lui m ma mais me même mes moi mon n
        ne ni nos notre nous on ont ou où par pas pendant peu peut plus pour pourquoi qu qu'il qu'elle quand que quel
        quelle quelles quels qui quoi s sa sans se sera ses si son sont sous sur t ta te tes toi ton tous tout toute
        toutes tu un une vers vos votre vous y
    """),
    "spanish": _words("""
        a al algo algunas algunos ante antes aquel aquella aquellos así aún aunque cada como cómo con contra cual cuál
        cuáles cuando cuándo de del desde donde dónde durante e el él ella ellas ellos en entre era eran es esa esas
        ese eso esos esta está estaba están estas este esto estos fue fueron ha había han hasta hay la las le les lo
        los más me mi mis mucho muy nada ni no nos nosotros nuestra nuestro o os otra otras otro otros para pero poco
        por porque qué que quién quien quienes se sea según ser si sí sido sin sobre son su sus también tan tanto te
        tiene tienen toda todas todo todos tu tus un una unas uno unos y ya yo
    """),
    "italian": _words("""
        a ad agli ai al all alla alle allo anche c che chi ci cioè come con contro cosa cui d da dagli dai dal dall
        dalla dalle dallo degli dei del dell della delle dello dentro di dove e è ed era erano essere fra gli ha hanno
        i il in io l la le lei li lo loro lui ma mi mia mio molto ne negli nei nel nell nella nelle nello no noi non
        nostra nostro o ogni per perché più poi quale quali quando quanto quell quella quelle quelli quello quest
        questa queste questi questo qui s se sei si sia siamo siete sono sta stata stati stato su sua sue sugli sui
        sul sull sulla sulle sullo suo suoi tra tu tua tuo un una uno vi voi
    """),
    "portuguese": _words("""
        a à ao aos aquela aquele aquilo as às até com como da das de dela dele deles depois do dos e é ela elas ele
        eles em entre era eram essa esse esta está estão este eu foi foram há isso isto já lhe mais mas me mesmo meu
        minha muito na não nas nem no nos nós nossa nosso num numa o onde os ou para pela pelas pelo pelos por porque
        qual quais quando que quem se sem ser seu seus só sua suas também te tem têm tu um uma umas uns você vocês
    """),
    "dutch": _words("""
        aan al alles als ben bij daar dan dat de der deze die dit doch doen door dus een en er ge geen had hebben heeft
        hem het hier hij hoe hun ik in is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet nog nu
        of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel voor waar wanneer waren was
        wat welke werd wie wij wordt worden ze zich zij zijn zo zou
    """),
    "russian": _words("""
        а без более был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее её если
        есть ещё еще же за здесь и из или им их к как ко когда кто ли либо между меня мне может мы на над надо нас не
        него нее нет ни них но о об однако он она они оно от очень по под при про с со так также такой там те тем то
        того тоже той только том ты у уже хотя чего чем что чтобы чьё эта эти это этого этой этом этот я
    """),
}
"""Small letters, as `str.casefold` gives them; other languages have no list."""
