"""The HL7 tables that we are sure of: the words that a report may use, and their codes.

Holds: sex (0001), patient class (0004), flags (0078), result and order status (0085, 0123), priority (0485), value
types (0125), and the ids of segments.
Promises: a word stands for one code; whoever looks up a word that is not here reports it, and nothing is guessed.
Never: holds a table that a site defines; that is in its profile.
"""

from __future__ import annotations

from typing import Final


def _words(table: str) -> dict[str, str]:
    """Read `CODE word, word, word` lines: each word, in lower case -> its code."""
    lines = (line.partition(" ") for line in table.strip().splitlines())
    return {word.strip(): code for code, _, words in lines for word in words.split(",")}


SEX: Final = {
    **{code.lower(): code for code in "FMOUAN"},
    **_words("""
F female, woman, w, weiblich, frau, femme, féminin, feminin, feminine, femenino, femenina, mujer, hembra
F femminile, femmina, donna, feminino, feminina, mulher, vrouw, vrouwelijk, k, kobieta, żeńska, żeński
F kvinna, kvinde, kvinne, nainen, žena, ž, kad\u0131n
M male, man, männlich, maennlich, mann, homme, masculin, masculine, masculino, hombre, varón, varon, maschile
M maschio, uomo, homem, mannelijk, mężczyzna, męska, męski, mand, mies, muž, erkek
O other, divers, autre, otro, altro, outro, anders, inny, annan, andet
U unknown, unbekannt, inconnu, inconnue, desconocido, desconocida, sconosciuto, desconhecido, onbekend
U nieznana, nieznany, okänd, ukendt
A ambiguous
N not applicable
"""),
}
"""Word or code, in lower case -> table 0001.

Letters that mean different things in different languages are left out: m is mujer beside h (hombre), v is vrouw or
varón. A site defines them in codes.maps.sex.
"""

PATIENT_CLASS: Final = {
    "inpatient": "I",
    "outpatient": "O",
    "ambulatory": "O",
    "emergency": "E",
    "preadmit": "P",
    "recurring": "R",
    "obstetrics": "B",
    "unknown": "U",
}

PRIORITY: Final = {"stat": "S", "asap": "A", "routine": "R"}

FLAGS: Final = frozenset(
    ("L", "H", "LL", "HH", "<", ">", "N", "A", "AA", "U", "D", "B", "W", "S", "R", "I", "MS", "VS")
)

FLAG_WORDS: Final = {
    **{code.lower(): code for code in FLAGS},
    **_words("""
H high, hoch, erhöht, erhoeht, haut, élevé, elevé, eleve, alto, alta, elevado, elevada, elevato, elevata
H hoog, verhoogd, wysoki, wysoka, wysokie, podwyższony, podwyższone, hög, høj, høy
L low, niedrig, erniedrigt, tief, bas, basse, bajo, baja, basso, bassa, baixo, baixa, laag, verlaagd, niski, niska
L niskie, obniżony, obniżone, låg, lav
HH critical high, critically high, high critical, panic high, high panic, kritisch hoch, very high, sehr hoch
HH très élevé, muy alto, crítico alto, critico alto, molto alto, kritisch hoog, bardzo wysoki
LL critical low, critically low, low critical, panic low, low panic, kritisch niedrig, very low, sehr niedrig
LL très bas, muy bajo, crítico bajo, critico bajo, molto basso, kritisch laag, bardzo niski
N normal, normale, unauffällig, unauffaellig, normaal, prawidłowy, prawidłowe, w normie
A abnormal, auffällig, auffaellig, pathologisch, anormal, anormale, anormal, anómalo, patológico, patologico
A anomalo, afwijkend, abnormaal, nieprawidłowy, nieprawidłowe
R resistant, résistant, resistente, oporny
S susceptible, sensitive, sensibel, sensible, sensibile, gevoelig, wrażliwy
I intermediate, intermediär, intermédiaire, intermedio, intermediair, średniowrażliwy
"""),
}
"""Word or code, in lower case -> table 0078."""

_STATUS_WORDS: Final = _words("""
F endgültig, endgueltig, endbefund, freigegeben, définitif, definitif, définitive, definitivo, definitiva, definitief
F ostateczny, ostateczne, slutlig, endelig
P vorläufig, vorlaeufig, vorbefund, provisoire, préliminaire, preliminar, preliminare, provisional, provvisorio
P voorlopig, wstępny, wstępne, preliminär, foreløbig
C korrigiert, korrektur, corrigé, corrige, corregido, corretto, gecorrigeerd, corrigido, skorygowany, korrigerad
X storniert, abgesagt, annulé, annule, annulée, cancelado, anulado, annullato, geannuleerd, anulowany, annullerad
""")
"""The usual words of other languages for states that results and orders share."""

ORDER_STATUS: Final = {
    **{code: code for code in "ACFIOPRSX"},
    "final": "F",
    "preliminary": "P",
    "partial": "A",
    "corrected": "C",
    "amended": "C",
    "cancelled": "X",
    "canceled": "X",
    "received": "I",
    "ordered": "O",
    "registered": "O",
    "scheduled": "S",
    "unverified": "R",
    **_STATUS_WORDS,
}
"""Word or code -> table 0123. Y and Z (no such order, no such patient) answer queries and never report."""

RESULT_STATUS: Final = {
    **{code: code for code in "CDFINOPRSUWX"},
    "final": "F",
    "preliminary": "P",
    "corrected": "C",
    "amended": "C",
    "cancelled": "X",
    "canceled": "X",
    "deleted": "D",
    "wrong": "W",
    "entered-in-error": "W",
    "pending": "I",
    "received": "I",
    "ordered": "O",
    "registered": "O",
    "scheduled": "S",
    "unverified": "R",
    "not asked": "N",
    **_STATUS_WORDS,
}
"""Word or code -> table 0085."""

RESULT_FROM_ORDER: Final = {"A": "P", "C": "C", "F": "F", "I": "I", "O": "O", "P": "P", "R": "R", "S": "S", "X": "X"}
"""OBR-25 -> the OBX-11 of a result that has no status of its own."""

WITHOUT_VALUE: Final = frozenset("DINOSUWX")
"""OBX-11 under which a result may have no value: not obtained, not there yet, or taken back."""

CORRECTIONS: Final = frozenset("CDW")
"""OBX-11 of a result that changes something reported before; OBR-25 is then C."""

VALUE_TYPES: Final = ("NM", "SN", "ST", "TX", "FT", "CE", "CWE", "DT", "TM", "TS", "DTM", "NA", "RP", "ED")
"""The data types that OBX-5 is written in (OBX-2, table 0125)."""

SEGMENTS: Final = frozenset(
    (
        "ABS", "ACC", "ADD", "ADJ", "AFF", "AIG", "AIL", "AIP", "AIS", "AL1", "APR", "ARQ", "ARV", "AUT", "BHS",
        "BLC", "BLG", "BPO", "BPX", "BTS", "BTX", "BUI", "CDM", "CDO", "CER", "CM0", "CM1", "CM2", "CNS", "CON",
        "CSP", "CSR", "CSS", "CTD", "CTI", "DB1", "DG1", "DMI", "DON", "DPS", "DRG", "DSC", "DSP", "ECD", "ECR",
        "EDU", "EQL", "EQP", "EQU", "ERQ", "ERR", "EVN", "FAC", "FHS", "FT1", "FTS", "GOL", "GP1", "GP2", "GT1",
        "IAM", "IAR", "IIM", "ILT", "IN1", "IN2", "IN3", "INV", "IPC", "IPR", "ISD", "ITM", "IVC", "IVT", "LAN",
        "LCC", "LCH", "LDP", "LOC", "LRL", "MCP", "MFA", "MFE", "MFI", "MRG", "MSA", "MSH", "NCK", "NDS", "NK1",
        "NPU", "NSC", "NST", "NTE", "OBR", "OBX", "ODS", "ODT", "OM1", "OM2", "OM3", "OM4", "OM5", "OM6", "OM7",
        "OMC", "ORC", "ORG", "ORO", "OVR", "PAC", "PCE", "PCR", "PD1", "PDA", "PDC", "PEO", "PES", "PID", "PKG",
        "PM1", "PMT", "PR1", "PRA", "PRB", "PRC", "PRD", "PRT", "PSG", "PSH", "PSL", "PSS", "PTH", "PV1", "PV2",
        "PYE", "QAK", "QID", "QPD", "QRD", "QRF", "QRI", "RCP", "RDF", "RDT", "REL", "RF1", "RFI", "RGS", "RMI",
        "ROL", "RQ1", "RQD", "RX1", "RXA", "RXC", "RXD", "RXE", "RXG", "RXO", "RXR", "RXV", "SAC", "SCD", "SCH",
        "SCP", "SDD", "SFT", "SGH", "SGT", "SHP", "SID", "SLT", "SPM", "SPR", "STF", "STZ", "TCC", "TCD", "TQ1",
        "TQ2", "TXA", "UAC", "UB1", "UB2", "URD", "URS", "VAR", "VND", "VTQ",
    )
)  # fmt: skip
"""The segment ids of all versions (hl7apy's metadata)."""
