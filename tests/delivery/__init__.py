"""Tests of delivery/: journal -> HIS."""
