"""hl7/: HL7 v2 as text and grammar: delimiters, character sets, escapes, checks, the orders in a message."""
