"""The commonest function words of languages in Latin script, lower case and without accents, by ISO 639-1 code.

Enough to tell what language a question is in, and what in it carries no meaning. Others lose a little precision.
"""

from collections.abc import Mapping
from typing import Final

QUESTIONS: Final[Mapping[str, str]] = {
    "en": """a about after all also am an and any are as at be been before but by can could describe did do does
    explain find for from get give had has have how i if in into is it its list many may me much must my no
    not of on or our please say shall she he should show so some such tell than that the their them then there
    these they this those to us use was we were what whats when where which who whom whose why will with would
    you your""",
    "de": """aber als am an auf aus bei bin bis bitte da das dass dem den der des die dies diese dieser doch du ein
    eine einem einen einer eines er es fur gibt haben hat ich ihr im ist ja kann kein keine man mein mich mir
    mit nach nicht noch oder sein sich sie sind so um und uns unser viel viele vom von vor wann war warum was
    wo welche welcher welches wenn wer werden wie wieviel wird wir zu zum zur""",
    "fr": """au aux avec ce ces cette combien comment dans de des donc du elle en est et etre eux il ils je la le les
    leur lui mais mes moi mon ne nous ont ou par pas plus pour pourquoi quand que quel quelle quelles quels
    qui sa sans ses son sont sur ta tes ton tu un une vos votre vous""",
    "es": """al como con cual cuales cuando cuantas cuanto cuantos de del donde el ella en entre era es esta este ha
    hay la las lo los mas me mi muy no nos o para pero por porque que quien se ser si sin sobre son su sus te
    tiene todo un una y""",
    "it": """che chi come con cosa cui da dal dei della delle di dove e gli ha i il in io la le lo ma ne nel non o per
    perche piu quale quali quando quanto quanti si sono su sul tra un una""",
    "pt": """ao aos as com da das de do dos e em foi isso mais mas na nao nas no nos o onde os ou para pela pelo por
    qual quais quando quantos quem se sem seu sua um uma""",
    "nl": """aan bij dan dat de den deze die dit door een en er geen heb heeft het hij hoe hoeveel ik in is kan maar
    met naar niet nog om ook op over te tot uit van veel voor waar waarom wat we welke wie wij worden zijn""",
}
"""Of the languages we meet most: question words, too."""

OTHERS: Final[Mapping[str, str]] = {
    "cs": """a aby ale ani bez by byl byla bylo co do i jak jako je jeho jsou k ke kde kdo kdy ktera ktere ktery na
    nebo od po pod pro proti se si tak to u v ve z za ze""",
    "da": """af at blev da de har hvis jeg mange mit den der det en er et fik for fra hvad hvem hvilken hvilket hvor
    hvordan hvornar i ikke kan med men og om pa samt som til var ved vi""",
    "fi": """ei et etta han ja jos joka jotka kanssa kuin kuinka kuka mika millainen milloin miksi missa mita minka
    montako mutta myos ne niin oli on ovat se sen tai kuuluu""",
    "hr": """a ali bez bi bio bila bilo da do gdje i iz ili je jesu kad kada kako koja koje koji koliko na od po sa se
    sto su tko u uz za""",
    "hu": """a az egy es hogy ha hol ki kik mely mennyi mi mikor milyen mit nem pedig szerint van vagy volt
    voltak""",
    "id": """ada adalah apa atau bagaimana berapa dalam dan dari dengan di ini itu kapan ke mana mengapa oleh pada saja
    siapa tidak untuk yang""",
    "pl": """ale byl byla mam moj ma bylo byly czy co dla do gdzie i ile ilu jak jaka jaki jakie jako jest kiedy kto
    ktora ktore ktory na nie od oraz po przez sa sie to w we z ze za""",
    "ro": """a al ale au ca care cand cat cate cati ce cel cine cu cum de din dupa este fi fost i in intre la lui mai
    nu o pe pentru prin sa sau se si su sunt un unde unei unui""",
    "sv": """att av blev de den jag min manga det dar en ett fick for fran har hur i inte kan med men nar och om pa sig
    som till ut var vad varfor vem vid vilka vilken vilket""",
    "tr": """ama bir bu var yok benim da daha de en gibi hangi icin ile kac kadar kim kimin mi mu m\u0131 nas\u0131l
    hangisi ne neden nedir nerede o olan olarak oldu ve veya ya""",
    "vi": """ai bao bi cac cai cho co cua da đa đau đen đuoc đo đe gi hay khi khong la lam luc mot nao nay ngay nhieu
    nhu nhung o sau tai the theo thi trong tu va vao ve vi voi""",
}
"""Only to tell a language by."""

LETTERS: Final[Mapping[str, str]] = {
    "cs": "ěřůďťň",
    "da": "æøå",
    "de": "ßäöü",
    "es": "ñ¿¡",
    "fr": "çêœ",
    "hr": "čćđ",
    "hu": "őű",
    "pl": "ąęłńśźż",
    "pt": "ãõ",
    "ro": "ăîșțşţ",
    "sv": "å",
    "tr": "ğ\u0131şİ",
    "vi": "ơưạảấầẩậắằặẹẻẽếềểễệỉịọỏốồổộớờởợụủứừửựỳỵỷỹ",
}
"""Letters, and marks, that speak for a language."""
