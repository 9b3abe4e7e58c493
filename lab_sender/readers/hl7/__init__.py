"""readers/hl7/: ready HL7 v2 messages, single, several and in batches."""
