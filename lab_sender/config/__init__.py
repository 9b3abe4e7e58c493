"""config/: config.yaml, whole; config/profile/ what one HIS wants; config/text/ how any such file is read."""
