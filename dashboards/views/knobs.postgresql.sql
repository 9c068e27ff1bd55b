-- One row for each knob of each trial: `knob` is its path, as in model.dropout.rate; `value` is text, and `number` the
-- same where it is a number. For the question what a choice was worth.
WITH RECURSIVE tree AS (
    SELECT automl_runs.id AS run_id, child.key AS knob, child.value AS value
    FROM automl_runs
    CROSS JOIN LATERAL json_each(COALESCE(automl_runs.config, '{}')) AS child
    UNION ALL
    SELECT tree.run_id, tree.knob || '.' || child.key, child.value
    FROM tree
    CROSS JOIN LATERAL json_each(CASE json_typeof(tree.value) WHEN 'object' THEN tree.value ELSE '{}' END) AS child
)
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    runs.state AS state,
    runs.score AS score,
    tree.knob AS knob,
    tree.value #>> '{}' AS value,
    CASE json_typeof(tree.value) WHEN 'number' THEN CAST(tree.value #>> '{}' AS DOUBLE PRECISION) END AS number
FROM tree
JOIN automl_runs AS runs ON runs.id = tree.run_id
JOIN studies ON studies.study_id = runs.study_id
WHERE json_typeof(tree.value) NOT IN ('object', 'null')
