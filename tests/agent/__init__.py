"""Tests of agent/: one process, all its parts together."""
