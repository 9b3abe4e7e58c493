"""Tests of config/: config.yaml and profiles."""
