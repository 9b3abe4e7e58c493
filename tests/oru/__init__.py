"""Tests of oru/: report -> ORU^R01."""
