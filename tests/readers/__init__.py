"""Tests of readers/: a file's bytes -> items."""
