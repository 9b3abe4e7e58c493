"""operations/: what people, monitors and programs ask and do: status, stories, probes, wording."""
