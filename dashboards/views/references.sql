-- One row for each model to compare with that is no network: how it scored on the rows that choose.
-- `better` tells whether the best trial of its study has a greater score: 1 or 0, empty while one of the two is missing.
SELECT
    studies.study_name AS study,
    refs.name AS reference,
    refs.state AS state,
    refs.score AS score,
    best.score AS best_score,
    CASE WHEN best.score > refs.score THEN 1 WHEN best.score <= refs.score THEN 0 END AS better,
    refs.seconds AS seconds,
    refs.n_rows AS n_rows,
    refs.n_parameters AS n_parameters,
    refs.message AS message,
    refs.metrics AS metrics
FROM automl_references AS refs
JOIN studies ON studies.study_id = refs.study_id
LEFT JOIN (
    SELECT study_id, MAX(score) AS score FROM automl_runs WHERE state = 'complete' GROUP BY study_id
) AS best ON best.study_id = refs.study_id
