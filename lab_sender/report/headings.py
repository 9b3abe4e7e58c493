# ruff: noqa: E501  (a table reads best with one to a line)
"""The headings of result tables in other languages than English.

Holds: for each language, our name of a column and the headings that surely mean it.
Promises: a heading means one column, in whatever language. It is compared without accents, so `Prénom` is `Prenom`;
where a language writes a letter as two (`Gerät`, `Geraet`), both stand here.
Never: lists a heading that may mean two things, as an order's number (the laboratory's, or the orderer's) or a bare
date or time. `Nom`, `Nombre` or `Naam` may be a whole name: the site declares what stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_GERMAN = """
patient_id      | Patientennummer, Patienten-Nr, Patient-Nr, Pat-Nr, Patienten-ID, Pat-ID
name            | Patientenname, Name des Patienten
family          | Nachname, Familienname, Zuname
given           | Vorname, Vornamen
birth           | Geburtsdatum, Geb-Datum, Geburtstag
sex             | Geschlecht
ward            | Pflegestation, Krankenstation
accession       | Labornummer, Labor-Nr
specimen_id     | Probennummer, Proben-Nr, Probe-Nr, Proben-ID, Probe-ID
specimen        | Probenart, Probentyp, Probenmaterial, Untersuchungsmaterial
collected       | Entnahmedatum, Abnahmedatum, Entnahmezeitpunkt, Abnahmezeitpunkt
collected_time  | Entnahmezeit, Abnahmezeit, Entnahmeuhrzeit, Abnahmeuhrzeit
received        | Eingangsdatum, Probeneingang
received_time   | Eingangszeit
reported        | Freigabedatum, Befunddatum
reported_time   | Freigabezeit, Befundzeit
orderer_name    | Arzt, Anfordernder Arzt, Einsendender Arzt
code            | Testcode, Analysencode, Parametercode, Testkürzel, Testkuerzel
text            | Testname, Testbezeichnung, Analyt, Analyse, Untersuchung, Messgröße, Messgroesse
value           | Ergebnis, Resultat, Messwert, Wert, Ergebniswert
unit            | Einheit, Einheiten, Maßeinheit
range           | Referenzbereich, Ref-Bereich, Normbereich, Normalbereich, Referenzintervall, Normwert, Normwerte, Referenzwerte
low             | Untergrenze, Untere Grenze, Unterer Grenzwert, Untere Referenzgrenze, Ref von, Referenz von, Referenzbereich von, Norm von, Normbereich von, Normwert von
high            | Obergrenze, Obere Grenze, Oberer Grenzwert, Obere Referenzgrenze, Ref bis, Referenz bis, Referenzbereich bis, Norm bis, Normbereich bis, Normwert bis
flag            | Pathologisch, Ergebnisflag
status          | Ergebnisstatus, Resultatstatus
analysed        | Messdatum, Analysedatum, Analysendatum, Messzeitpunkt, Ergebnisdatum
analysed_time   | Messzeit, Analysezeit, Analysenzeit, Ergebniszeit
device          | Gerät, Geraet, Analysegerät, Analysegeraet, Analysator
observer        | Bediener
note            | Kommentar, Kommentare, Bemerkung, Bemerkungen, Anmerkung, Anmerkungen
"""
_FRENCH = """
patient_id      | Numéro patient, Numéro de patient, Numéro du patient, N° patient, Nº patient, ID patient, Identifiant patient, Identifiant du patient
name            | Nom, Nom du patient, Nom patient, Nom complet, Nom et prénom
family          | Nom de famille, Nom usuel
given           | Prénom, Prénoms
birth           | Date de naissance, Date naissance, DDN
sex             | Sexe
ward            | Unité de soins
accession       | Numéro de laboratoire, Numéro labo, N° labo
specimen_id     | Numéro d'échantillon, Numéro échantillon, Numéro de l'échantillon, N° échantillon, N° d'échantillon, Nº échantillon, ID échantillon, Code-barres
specimen        | Type d'échantillon, Type échantillon, Nature de l'échantillon, Type de prélèvement, Nature du prélèvement
collected       | Date de prélèvement, Date du prélèvement, Date prélèvement
collected_time  | Heure de prélèvement, Heure du prélèvement, Heure prélèvement
received        | Date de réception, Date réception
received_time   | Heure de réception, Heure réception
reported        | Date du compte rendu, Date de compte rendu
orderer_name    | Médecin, Prescripteur, Médecin prescripteur
code            | Code analyse, Code de l'analyse, Code du test
text            | Analyse, Paramètre, Nom du test, Nom de l'analyse
value           | Résultat, Résultats, Valeur
unit            | Unité, Unités
range           | Valeurs de référence, Valeurs normales, Intervalle de référence, Plage de référence
low             | Limite inférieure, Borne inférieure, Limite inf, Borne inf, Référence basse
high            | Limite supérieure, Borne supérieure, Limite sup, Borne sup, Référence haute
flag            | Drapeau, Drapeaux
status          | Statut du résultat, Statut résultat
analysed        | Date d'analyse, Date analyse, Date de l'analyse, Date du résultat, Date résultat
analysed_time   | Heure d'analyse, Heure analyse, Heure de l'analyse, Heure du résultat, Heure résultat
device          | Appareil, Automate, Analyseur
observer        | Opérateur
note            | Commentaire, Commentaires, Remarque, Remarques
"""
_SPANISH = """
patient_id      | Número de paciente, Número paciente, Nº paciente, Nº de paciente, N° paciente, ID paciente, ID del paciente, Historia clínica, Número de historia clínica, NHC
name            | Nombre, Nombre del paciente, Nombre completo, Nombre y apellidos, Apellidos y nombre
family          | Apellido, Apellidos
birth           | Fecha de nacimiento, Fecha nacimiento, F. nacimiento
sex             | Sexo
accession       | Número de laboratorio, Nº laboratorio
specimen_id     | Número de muestra, Número muestra, Nº muestra, Nº de muestra, N° muestra, ID muestra, ID de muestra, Código de barras
specimen        | Tipo de muestra, Tipo muestra
collected       | Fecha de extracción, Fecha extracción, Fecha de toma, Fecha toma, Fecha de toma de muestra, Fecha de recolección
collected_time  | Hora de extracción, Hora extracción, Hora de toma, Hora toma, Hora de toma de muestra, Hora de recolección
received        | Fecha de recepción, Fecha recepción
received_time   | Hora de recepción, Hora recepción
reported        | Fecha del informe, Fecha informe
reported_time   | Hora del informe, Hora informe
orderer_name    | Médico, Médico solicitante
code            | Código de prueba, Código prueba, Código de la prueba, Código de análisis
text            | Prueba, Análisis, Analito, Determinación, Nombre de la prueba, Parámetro, Examen
value           | Resultado, Valor
unit            | Unidad, Unidades, Unidad de medida
range           | Valores de referencia, Valor de referencia, Rango de referencia, Intervalo de referencia, Rango normal, Valores normales, Rango
low             | Límite inferior, Límite inf, Referencia inferior
high            | Límite superior, Límite sup, Referencia superior
flag            | Bandera, Banderas
status          | Estado del resultado, Estado resultado
analysed        | Fecha de análisis, Fecha del análisis, Fecha análisis, Fecha de resultado, Fecha del resultado, Fecha resultado
analysed_time   | Hora de análisis, Hora del análisis, Hora análisis, Hora de resultado, Hora del resultado, Hora resultado
device          | Equipo, Analizador, Instrumento
observer        | Operador
note            | Comentario, Comentarios, Observación, Observaciones, Nota, Notas
"""
_ITALIAN = """
patient_id      | Codice paziente, ID paziente, Numero paziente, Numero del paziente, N. paziente
name            | Nome, Nome paziente, Nome del paziente, Nominativo, Cognome e nome, Nome e cognome
family          | Cognome
birth           | Data di nascita, Data nascita
sex             | Sesso
ward            | Reparto
accession       | Numero di accettazione, Numero accettazione, N. accettazione, Numero di laboratorio
specimen_id     | Numero campione, Numero del campione, N. campione, ID campione, Codice campione, Codice a barre
specimen        | Tipo campione, Tipo di campione, Materiale
collected       | Data prelievo, Data di prelievo, Data del prelievo
collected_time  | Ora prelievo, Ora di prelievo, Ora del prelievo
received        | Data ricezione, Data di ricezione
received_time   | Ora ricezione, Ora di ricezione
reported        | Data referto, Data del referto
reported_time   | Ora referto, Ora del referto
orderer_name    | Medico, Medico richiedente, Medico prescrittore
code            | Codice test, Codice esame, Codice analisi
text            | Esame, Analisi, Analita, Nome test, Nome esame, Parametro
value           | Risultato, Valore
unit            | Unità, Unità di misura, U.M.
range           | Valori di riferimento, Intervallo di riferimento, Intervalli di riferimento, Range di riferimento, Valori normali
low             | Limite inferiore
high            | Limite superiore
status          | Stato risultato, Stato del risultato
analysed        | Data analisi, Data di analisi, Data risultato, Data del risultato
analysed_time   | Ora analisi, Ora di analisi, Ora risultato, Ora del risultato
device          | Strumento, Analizzatore
observer        | Operatore
note            | Commento, Commenti, Osservazioni, Nota
"""
_DUTCH = """
patient_id      | Patiëntnummer, Patiëntnr, Patiënt-ID
name            | Naam, Patiëntnaam, Naam patiënt
family          | Achternaam, Familienaam
given           | Voornaam, Voornamen
birth           | Geboortedatum
sex             | Geslacht
accession       | Labnummer, Laboratoriumnummer
specimen_id     | Monsternummer, Monsternr, Monster-ID, Buisnummer
specimen        | Materiaal, Monstertype, Monstersoort
collected       | Afnamedatum, Datum afname
collected_time  | Afnametijd, Tijd afname
received        | Ontvangstdatum, Datum ontvangst
received_time   | Ontvangsttijd, Tijd ontvangst
reported        | Rapportdatum, Rapportagedatum
reported_time   | Rapporttijd, Rapportagetijd
orderer_name    | Aanvrager, Arts, Aanvragend arts
code            | Testcode, Bepalingscode
text            | Bepaling, Testnaam, Analyse
value           | Resultaat, Uitslag, Waarde
unit            | Eenheid, Eenheden
range           | Referentiewaarden, Referentiewaarde, Referentie-interval, Referentiebereik, Referentiegebied, Normaalwaarden
low             | Ondergrens
high            | Bovengrens
flag            | Vlag, Vlaggen
status          | Resultaatstatus, Uitslagstatus
analysed        | Analysedatum, Datum analyse, Meetdatum
analysed_time   | Analysetijd, Tijd analyse, Meettijd
device          | Apparaat
note            | Opmerking, Opmerkingen, Commentaar, Toelichting
"""
_PORTUGUESE = """
patient_id      | Número do paciente, Nº do paciente, Nº paciente, ID do paciente, Prontuário, Número do utente, Nº utente
name            | Nome, Nome do paciente, Nome completo, Nome do utente
family          | Sobrenome, Último nome
given           | Primeiro nome
birth           | Data de nascimento, Data nascimento
sex             | Sexo
accession       | Número do laboratório
specimen_id     | Número da amostra, Nº da amostra, Nº amostra, ID da amostra, Código da amostra, Código de barras
specimen        | Tipo de amostra, Tipo da amostra
collected       | Data da coleta, Data de coleta, Data coleta, Data da colheita, Data de colheita, Data colheita
collected_time  | Hora da coleta, Hora de coleta, Hora coleta, Hora da colheita, Hora de colheita, Hora colheita
received        | Data de recebimento, Data do recebimento, Data de receção
received_time   | Hora de recebimento, Hora do recebimento, Hora de receção
reported        | Data de liberação, Data da liberação
reported_time   | Hora de liberação, Hora da liberação
orderer_name    | Médico, Médico solicitante
code            | Código do exame, Código do teste, Código exame
text            | Exame, Teste, Análise, Analito, Parâmetro, Nome do exame, Nome do teste
value           | Resultado, Valor
unit            | Unidade, Unidades, Unidade de medida
range           | Valores de referência, Valor de referência, Intervalo de referência, Valores normais
low             | Limite inferior, Referência inferior
high            | Limite superior, Referência superior
flag            | Bandeira, Sinalizador
status          | Estado do resultado, Status do resultado
analysed        | Data da análise, Data de análise, Data do resultado, Data resultado
analysed_time   | Hora da análise, Hora de análise, Hora do resultado, Hora resultado
device          | Equipamento, Analisador
observer        | Operador
note            | Comentário, Comentários, Observação, Observações, Nota, Notas
"""


def _parsed(table: str) -> dict[str, tuple[str, ...]]:
    lines = [line.partition("|") for line in table.strip().splitlines()]
    return {name.strip(): tuple(map(str.strip, headings.split(","))) for name, _, headings in lines}


IN_LANGUAGES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "German": _parsed(_GERMAN),
    "French": _parsed(_FRENCH),
    "Spanish": _parsed(_SPANISH),
    "Italian": _parsed(_ITALIAN),
    "Dutch": _parsed(_DUTCH),
    "Portuguese": _parsed(_PORTUGUESE),
}
"""Language -> our name of a column -> its headings in that language."""
