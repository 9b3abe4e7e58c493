"""Tests of filing/: folders follow the journal."""
