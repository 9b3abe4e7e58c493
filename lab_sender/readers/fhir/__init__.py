"""readers/fhir/: FHIR R4 bundles and DiagnosticReports."""
