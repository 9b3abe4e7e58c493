"""profile/: what one site's messages look like, as YAML."""
