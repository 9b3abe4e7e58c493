"""readers/guards/: what holds for the texts of every format: spoilt cells, words for nothing, blanks, ranges."""
