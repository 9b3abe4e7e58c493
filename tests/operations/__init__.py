"""Tests of operations/: what people, monitors and programs ask and do."""
