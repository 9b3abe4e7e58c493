"""Tests of intake/: outbox -> journal."""
