-- One row for each thing that was noticed about the data; `level` is error, warning or note.
SELECT
    studies.study_name AS study,
    findings.level AS level,
    findings.kind AS kind,
    findings."column" AS "column",
    findings.message AS message
FROM automl_findings AS findings
JOIN studies ON studies.study_id = findings.study_id
