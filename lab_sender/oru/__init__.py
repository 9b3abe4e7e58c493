"""oru/: report -> ORU^R01. Grammar from hl7apy, own encoder, own checks; the site's profile adapts it."""

from .builder import Builder, Built
from .describe import FieldView, SegmentView, describe
from .escape import unescape
from .profile import CHARSETS, MessageProfile

__all__ = ["CHARSETS", "Builder", "Built", "FieldView", "MessageProfile", "SegmentView", "describe", "unescape"]
