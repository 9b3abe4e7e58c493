"""readers/astm/: ASTM E1394 / LIS2-A2 from analysers."""
