"""readers/csv/: CSV and TSV, a row for each observation."""
