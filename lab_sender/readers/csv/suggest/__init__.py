"""readers/csv/suggest/: what a format of `inputs.csv` for a table of unknown headings could say."""
