"""Tests of cli/: what a person types."""
