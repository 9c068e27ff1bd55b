-- One row for each knob of each trial: `knob` is its path, as in model.dropout.rate; `value` is text, and `number` the
-- same where it is a number. For the question what a choice was worth.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    runs.state AS state,
    runs.score AS score,
    replace(substr(tree.fullkey, 3), '"', '') AS knob,
    CASE tree.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(tree.value AS TEXT) END AS value,
    CASE WHEN tree.type IN ('integer', 'real') THEN CAST(tree.value AS DOUBLE PRECISION) END AS number
FROM automl_runs AS runs
JOIN studies ON studies.study_id = runs.study_id
JOIN json_tree(runs.config) AS tree
WHERE tree.type NOT IN ('object', 'null') AND tree.path NOT LIKE '%[%' AND tree.fullkey NOT LIKE '%]'
