"""Looks of these tests are made by hand."""

from kit.looks import a_second_later

__all__ = ["a_second_later"]
