"""Tests of api: what programs are promised."""
