"""Tests of service/: systemd and Windows."""
