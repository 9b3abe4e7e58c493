"""readers/json/: lab-result/1 as JSON, an array, or one report a line."""
