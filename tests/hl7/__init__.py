"""Tests of hl7/: HL7 v2 as text and grammar."""
