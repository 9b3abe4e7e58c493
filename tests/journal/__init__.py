"""Tests of journal/: the durable store."""
