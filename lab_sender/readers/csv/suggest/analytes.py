"""Names and units of tests, as headings of wide tables have them.

Holds: the usual abbreviations of haematology and clinical chemistry in a few languages, and what a unit looks like.
Promises: a name here is no name of anything else in an export of results: `PT`, `ID` and `POS` are not here.
Never: says what a test is; it only knows that it is one.
"""

from __future__ import annotations

import re
from typing import Final

from lab_sender.report.columns import normal

_WORDS: Final = """
wbc rbc hgb hct mcv mch mchc plt rdw rdwcv rdwsd mpv pdw pct plcr neut neu lymph lym lymp mono mon eo eos baso bas
ig nrbc retic irf rethe gran gra luc leuko leukos leukozyten ery erys erythrozyten hb haemoglobin hemoglobin
hamoglobin hkt hamatokrit thrombo thrombos thrombozyten leucocitos hematies hemoglobina hematocrito plaquetas
leucocytes hemoglobine hematocrite plaquettes globulesblancs globulesrouges vgm tcmh ccmh vcm hcm chcm neutrofilos
linfocitos monocitos eosinofilos basofilos neutrophiles lymphocytes monocytes eosinophiles basophiles
alt ast ggt alp crp glu gluc glucose glukose glucosa urea harnstoff uree crea creat kreatinin creatinine creatinina
chol trig hdl ldl tsh ft3 ft4 bili alb ldh ck hba1c inr aptt na kalium natrium ferritin
"""
NAMES: Final = frozenset(_WORDS.split())
"""Names of tests, as headings are compared."""
_UNIT: Final = re.compile(
    r"%|‰|fl|pg|sec|s|mmhg|ratio|index|mm/h|g/100 ?ml"
    r"|(?:x ?)?10(?:\^|\*|e|\*\*)? ?\d{1,2} ?/ ?[munpfµμ]?l|[gt]/l|(?:k|m)/[uµμ]l|/[munpfµμ]?l|/nl"
    r"|[munpfkµμdc]?(?:g|mol|eq|val|kat|iu|u|ui|ie|cell|cells) ?/ ?[munpfµμdc]?(?:l|g|kg|mol|24 ?h)",
    re.IGNORECASE,
)


def is_test(name: str) -> bool:
    """Tell whether a heading, without its unit, is surely the name of a test; `NEU#` and `NEU%` are."""
    return normal(name.strip("#%* ")) in NAMES


def is_unit(text: str) -> bool:
    """Tell whether a text is a unit."""
    return _UNIT.fullmatch(text.strip()) is not None
