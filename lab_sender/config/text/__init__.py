"""config/text/: how a YAML file becomes values, each mistake with its line."""
