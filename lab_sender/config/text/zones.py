"""Time zones: the setting, and what people write in its place.

Holds: how a zone's text is read; the abbreviations, foreign and Windows names, and cities that are no IANA zones.
Promises: what is taken names one clock with all its changes. What is not is answered with the names of places, each
with its own clock where there are several; following that gives the clock that was meant.
Never: takes an abbreviation or guesses by likeness: EST is not CEST, and one letter can be hours.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Final

from lab_sender.config.text.scalars import Scalar
from lab_sender.config.text.section import wrong
from lab_sender.spelling import either, meant

# Abbreviation: the places that use it. One place stands for all with its clock.
_ABBREVIATIONS: Final = """
ACDT  Australia/Adelaide
ACST  Australia/Adelaide Australia/Darwin
ADT   America/Halifax
AEDT  Australia/Sydney
AEST  Australia/Sydney Australia/Brisbane
AKDT  America/Anchorage
AKST  America/Anchorage
AMT   America/Manaus Asia/Yerevan
ART   America/Argentina/Buenos_Aires Africa/Cairo
AST   America/Halifax America/Puerto_Rico Asia/Riyadh
AWST  Australia/Perth
BRT   America/Sao_Paulo
BST   Europe/London Asia/Dhaka
CAT   Africa/Maputo
CDT   America/Chicago America/Havana
CEDT  Europe/Berlin
CEST  Europe/Berlin
CET   Europe/Berlin Africa/Algiers
CLT   America/Santiago
COT   America/Bogota
CST   America/Chicago America/Costa_Rica America/Mexico_City America/Havana Asia/Shanghai
EAT   Africa/Nairobi
EDT   America/New_York
EEST  Europe/Athens
EET   Europe/Athens Africa/Tripoli Europe/Kaliningrad
EST   America/New_York America/Panama
GMT   Europe/London Africa/Abidjan
GST   Asia/Dubai Atlantic/South_Georgia
HAST  Pacific/Honolulu America/Adak
HKT   Asia/Hong_Kong
HST   Pacific/Honolulu America/Adak
ICT   Asia/Bangkok
IDT   Asia/Jerusalem
IRST  Asia/Tehran
IST   Asia/Kolkata Europe/Dublin Asia/Jerusalem
JST   Asia/Tokyo
KST   Asia/Seoul
MDT   America/Denver
MEST  Europe/Berlin
MESZ  Europe/Berlin
MET   Europe/Berlin Africa/Algiers
MEZ   Europe/Berlin Africa/Algiers
MSK   Europe/Moscow
MST   America/Denver America/Phoenix Asia/Kuala_Lumpur
MYT   Asia/Kuala_Lumpur
NDT   America/St_Johns
NPT   Asia/Kathmandu
NST   America/St_Johns
NZDT  Pacific/Auckland
NZST  Pacific/Auckland
OESZ  Europe/Athens
OEZ   Europe/Athens Africa/Tripoli Europe/Kaliningrad
PDT   America/Los_Angeles
PET   America/Lima
PHT   Asia/Manila
PKT   Asia/Karachi
PST   America/Los_Angeles Asia/Manila
SAST  Africa/Johannesburg
SGT   Asia/Singapore
SST   Asia/Singapore Pacific/Pago_Pago
TRT   Europe/Istanbul
WAT   Africa/Lagos
WEST  Europe/Lisbon
WESZ  Europe/Lisbon
WET   Europe/Lisbon
WEZ   Europe/Lisbon Europe/London
WIB   Asia/Jakarta
WST   Australia/Perth Pacific/Apia
"""
# Names that Windows shows (`tzutil /g`), by CLDR's table.
_WINDOWS: Final = """
Arabian Standard Time           Asia/Dubai
Arab Standard Time              Asia/Riyadh
AUS Eastern Standard Time       Australia/Sydney
AUS Central Standard Time       Australia/Darwin
Cen. Australia Standard Time    Australia/Adelaide
Central America Standard Time   America/Guatemala
Central Europe Standard Time    Europe/Budapest
Central European Standard Time  Europe/Warsaw
Central Standard Time           America/Chicago
China Standard Time             Asia/Shanghai
E. Australia Standard Time      Australia/Brisbane
E. Europe Standard Time         Europe/Chisinau
E. South America Standard Time  America/Sao_Paulo
Eastern Standard Time           America/New_York
Egypt Standard Time             Africa/Cairo
FLE Standard Time               Europe/Kyiv
GMT Standard Time               Europe/London
GTB Standard Time               Europe/Bucharest
India Standard Time             Asia/Kolkata
Israel Standard Time            Asia/Jerusalem
Mountain Standard Time          America/Denver
New Zealand Standard Time       Pacific/Auckland
Pacific Standard Time           America/Los_Angeles
Romance Standard Time           Europe/Paris
Russian Standard Time           Europe/Moscow
Singapore Standard Time         Asia/Singapore
South Africa Standard Time      Africa/Johannesburg
Tokyo Standard Time             Asia/Tokyo
Turkey Standard Time            Europe/Istanbul
US Mountain Standard Time       America/Phoenix
W. Australia Standard Time      Australia/Perth
W. Central Africa Standard Time Africa/Lagos
W. Europe Standard Time         Europe/Berlin
"""
# Zone: places that have its clock, and its own name in other languages.
_CITIES: Final = """
Africa/Cairo          Kairo
Africa/Johannesburg   Cape_Town Pretoria Durban
Africa/Algiers        Algier Alger
America/Chicago       Dallas Houston Austin San_Antonio Minneapolis Milwaukee Nashville Memphis New_Orleans St_Louis
America/Denver        Salt_Lake_City Albuquerque
America/Los_Angeles   San_Francisco San_Diego Seattle Las_Vegas Sacramento
America/New_York      Boston Washington_DC Philadelphia Miami Atlanta Baltimore Cleveland Pittsburgh
America/Sao_Paulo     Rio_de_Janeiro Brasilia
America/Toronto       Ottawa Montreal
Asia/Dubai            Abu_Dhabi
Asia/Ho_Chi_Minh      Hanoi
Asia/Jerusalem        Haifa Tel_Aviv
Asia/Karachi          Islamabad Lahore
Asia/Kolkata          Delhi New_Delhi Mumbai Bombay Bangalore Bengaluru Chennai
Asia/Riyadh           Jeddah Mecca
Asia/Shanghai         Beijing Peking Guangzhou Shenzhen
Asia/Tokyo            Tokio Osaka
Australia/Sydney      Canberra
Europe/Amsterdam      Rotterdam Den_Haag The_Hague Utrecht
Europe/Athens         Athen Thessaloniki
Europe/Belgrade       Belgrad
Europe/Berlin         Bonn Bremen Cologne Dresden
Europe/Berlin         Dusseldorf Duesseldorf Düsseldorf Frankfurt Hamburg
Europe/Berlin         Hannover Hanover Koeln Köln Leipzig Muenchen München Munich Nuremberg Nürnberg Stuttgart
Europe/Brussels       Antwerp Antwerpen Bruessel Brüssel Bruxelles Brussel Ghent Gent
Europe/Bucharest      Bukarest Bucuresti
Europe/Copenhagen     Aarhus Kobenhavn Kopenhagen København
Europe/Dublin         Cork Galway Limerick
Europe/Istanbul       Ankara Izmir
Europe/Kyiv           Kiew Kyjiw Lviv
Europe/Lisbon         Lisboa Lissabon Porto
Europe/London         Belfast Bristol Cardiff Edinburgh Glasgow Leeds Liverpool
Europe/Luxembourg     Luxemburg
Europe/Madrid         Barcelona Seville Sevilla
Europe/Moscow         Moskau Moskva
Europe/Paris          Lille Lyon Marseille Nice Strasbourg Toulouse
Europe/Prague         Brno Prag Praha
Europe/Rome           Florence Firenze Genoa Mailand Milan Milano Napoli Rom Roma Turin Torino Venice
Europe/Stockholm      Gothenburg Goteborg Göteborg Malmo Malmö
Europe/Vienna         Graz Innsbruck Linz Salzburg Wien
Europe/Warsaw         Gdansk Krakow Warschau Warszawa
UTC                   Z
Europe/Zurich         Basel Bern Geneva Geneve Genf Lausanne Zuerich Zürich
"""
_OFFSET: Final = re.compile(
    r"(?:UTC|GMT|Z)? ?([+-]|\N{MINUS SIGN})([01]?[0-9])(?::?([0-5][0-9]))?", re.IGNORECASE
)
_MOST: Final = 5  # places named
_EXAMPLE: Final = "write the name of a place, for example Europe/Dublin"


def _zone(text: str) -> str:
    if not text:
        return text
    word = re.sub(r"\s+", " ", text.strip())
    places = _PLACES_OF.get(word.upper())
    if places:
        raise wrong(
            "is an abbreviation, which does not say whose clock it is and when that changes", _which(places)
        )
    offset = _OFFSET.fullmatch(word)
    if offset and offset[0][0].upper() != "Z":
        raise wrong("is an offset, which does not say when the clock changes", _for_offset(*offset.groups()))
    try:
        zoneinfo.ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise wrong("is not an IANA time zone", _advice(word)) from None
    return text


TIME_ZONE: Final = Scalar(_zone, {"type": "string"})


def _advice(word: str) -> str:
    """Name the zones that a text may be meant for."""
    windows = _WINDOWS_NAMES.get(word.upper())
    if windows:
        return f"that is Windows' name of it; did you mean {windows}?"
    zones = zoneinfo.available_timezones()
    region, _, city = word.rpartition("/")
    plain = city.replace(" ", "_")
    known = _ZONE_OF.get(plain.casefold(), "")
    elsewhere = region in {each.partition("/")[0] for each in zones} and not known.startswith(f"{region}/")
    found = [known] if known in zones and not elsewhere else []
    found = found or sorted(each for each in zones if each.casefold() == word.replace(" ", "_").casefold())
    if not found:  # the city without its region, or with another one
        found = [each for each in _places(zones) if each.rpartition("/")[2].casefold() == plain.casefold()]
    if not found and region:
        found = list(meant(word.replace(" ", "_"), _places(zones)))
    return f"did you mean {_which(found, '')}?" if found and len(found) <= _MOST else _EXAMPLE


def _places(zones: Iterable[str]) -> list[str]:
    """Return the zones that are places, not offsets or abbreviations."""
    return sorted(each for each in zones if "/" in each and not each.startswith(("Etc/", "posix/", "right/")))


def _which(places: Iterable[str], lead: str = "write the place: ") -> str:
    """Name places; where there are several, each with its clock."""
    named = list(places)
    return lead + (named[0] if len(named) == 1 else either(f"{each} ({_clock(each)})" for each in named))


def _clock(place: str) -> str:
    """Write `UTC+1, in summer +2`; `UTC+3 all year`."""
    try:
        zone = zoneinfo.ZoneInfo(place)
    except (KeyError, ValueError, OSError):
        return "not known on this machine"
    year = datetime.date.today().year
    two = [datetime.datetime(year, month, 1, tzinfo=zone).utcoffset() or datetime.timedelta() for month in (1, 7)]
    low, high = min(two), max(two)
    return f"UTC{_signed(low)}, in summer {_signed(high)}" if low != high else f"UTC{_signed(low)} all year"


def _signed(offset: datetime.timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def _for_offset(sign: str, hours: str, minutes: str | None) -> str:
    """Say what to write for an offset. IANA's names of offsets have the sign the other way round."""
    east = sign == "+"
    if int(minutes or 0) or int(hours) > (14 if east else 12):
        return _EXAMPLE
    name = f"Etc/GMT{'-' if east else '+'}{int(hours)}" if int(hours) else "UTC"
    sure = f"{name} (its sign is the other way round)" if int(hours) else name
    return f"{_EXAMPLE}; only for a clock that never changes {sure}"


def _rows(lines: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in lines.strip().splitlines():
        name, *words = line.split()
        yield name, tuple(words)


_PLACES_OF: Final = dict(_rows(_ABBREVIATIONS))
_WINDOWS_NAMES: Final = {
    name.strip().upper(): place for name, _, place in (line.rpartition(" ") for line in _WINDOWS.strip().splitlines())
}
_ZONE_OF: Final = {city.casefold(): zone for zone, cities in _rows(_CITIES) for city in cities}
