"""mllp/standin/: a HIS that answers, or lies, on demand."""
