-- One row an epoch of a trial. `score` is on the rows that choose, `train_score` on a sample of those that train;
-- `gap` is how much better the network is on what it has seen. `clipped` is a share of steps, `skipped` a number.
-- Gradient norms are those before clipping. The view `metrics` has every metric.
SELECT
    studies.study_name AS study,
    runs.number AS trial,
    epochs.number AS epoch,
    epochs.score AS score,
    epochs.train_score AS train_score,
    epochs.train_score - epochs.score AS gap,
    epochs.val_loss AS val_loss,
    epochs.train_loss AS train_loss,
    epochs.learning_rate AS learning_rate,
    epochs.grad_norm_median AS grad_norm_median,
    epochs.grad_norm_p90 AS grad_norm_p90,
    epochs.grad_norm_max AS grad_norm_max,
    epochs.clipped AS clipped,
    epochs.skipped AS skipped,
    epochs.seconds AS seconds,
    epochs.rows_per_second AS rows_per_second,
    CASE WHEN epochs.number = runs.best_epoch THEN 1 ELSE 0 END AS is_best
FROM automl_epochs AS epochs
JOIN automl_runs AS runs ON runs.id = epochs.run_id
JOIN studies ON studies.study_id = runs.study_id
