"""oru/: report -> ORU^R01. Grammar from hl7apy, own encoder, own checks; the site's profile adapts it."""

from .builder import Builder, Built
from .charset import CHARSETS
from .delta import changed_only
from .describe import FieldView, SegmentView, describe
from .escape import unescape
from .explain import FieldStory, explain, explain_ready
from .ready import with_rules

__all__ = [
    "CHARSETS",
    "Builder",
    "Built",
    "FieldStory",
    "FieldView",
    "SegmentView",
    "changed_only",
    "describe",
    "explain",
    "explain_ready",
    "unescape",
    "with_rules",
]
