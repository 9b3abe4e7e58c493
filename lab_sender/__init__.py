"""lab-sender: laboratory results from a folder to the hospital, over HL7 v2 and MLLP."""

__version__ = "0.1.0"
