"""oru/: report -> ORU^R01. Own encoder, adapted by the site's profile; the grammar and the checks are of hl7/."""

from lab_sender.oru.builder import Builder, Built
from lab_sender.oru.explain import FieldStory, explain, explain_ready
from lab_sender.oru.rules.ready import with_rules
from lab_sender.oru.unfinished import Unfinished, UnfinishedError

__all__ = [
    "Builder",
    "Built",
    "FieldStory",
    "Unfinished",
    "UnfinishedError",
    "explain",
    "explain_ready",
    "with_rules",
]
