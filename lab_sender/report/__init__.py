"""report/: lab-result/1, the report model, its schema, and the names of table columns."""
