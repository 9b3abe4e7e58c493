"""Tests of report/: the report model, its schema, and its text."""
