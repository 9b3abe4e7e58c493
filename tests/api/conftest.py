"""A site in a folder of its own, as the tests of the commands have it."""

from cli.conftest import _ready, _report, _secret, here, his

__all__ = ["_ready", "_report", "_secret", "here", "his"]
