"""Tests of mllp/: frames, answers, the connection."""
