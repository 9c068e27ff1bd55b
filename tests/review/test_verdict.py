from automl_nn.decide.selection import Against, Estimate, Honest
from automl_nn.review.verdict import honest_report, honest_words, signal, verdict

BEST, TOGETHER, GAIN = Estimate(0.7, (0.6, 0.8)), Estimate(0.72, (0.62, 0.8)), Estimate(0.02, (-0.01, 0.05))


def honest(references=None, *, gain=GAIN, within_noise=(3, 1), simplest=1):
    return Honest(BEST, TOGETHER, gain, 0.05, within_noise, references or {}, 9, 200, simplest)


def test_networks_that_are_clearly_worse_are_said_to_be():
    references = {"linear": Against(0.6, 0.1, (0.02, 0.2)), "boosting": Against(0.9, -0.2, (-0.3, -0.1))}
    said = verdict(honest(references), metric="roc_auc")
    assert said == "The networks are worse than untuned boosting: roc_auc 0.7200 on new rows, untuned boosting 0.9000."


def test_networks_that_are_worse_by_less_than_noise_are_no_better():
    said = verdict(honest({"linear": Against(0.75, -0.03, (-0.1, 0.05))}), metric="roc_auc")
    assert said.startswith("The networks are no better than a linear model:")


def test_networks_that_are_better_are_said_to_be():
    references = {"linear": Against(0.6, 0.1, (0.02, 0.2)), "boosting": Against(0.6, 0.12, (0.01, 0.2))}
    said = verdict(honest(references), metric="roc_auc", with_references=True)
    assert said.startswith("The networks, simpler models among them, are better than a linear model and untuned boost")


def test_networks_that_are_better_by_less_than_noise_are_not_said_to_be():
    linear, boosting = Against(0.6, 0.1, (0.02, 0.2)), Against(0.7, 0.02, (-0.1, 0.1))
    said = verdict(honest({"linear": linear, "boosting": boosting}), metric="roc_auc")
    assert said.startswith("The networks are better than a linear model, and within noise of untuned boosting: roc")
    assert verdict(honest({"boosting": boosting}), metric="roc_auc").startswith("The networks are within noise of unt")


def test_without_references_nothing_is_compared():
    assert verdict(honest(), metric="r2").endswith("no simpler model was fitted to compare them with.")


def test_what_no_resample_can_tell_is_said_to_be_unknown():
    unknown, nan = Estimate(float("nan"), (float("nan"),) * 2), float("nan")
    alone = Honest(unknown, unknown, unknown, nan, (3,), {"linear": Against(0.6, nan, (nan, nan))}, 9, 200, 3)
    assert verdict(alone, metric="roc_auc").startswith(
        "The networks may be good by luck: their roc_auc on new rows is n"
    )
    assert honest_words(alone)["on new rows"].startswith("not known, since too few recordings, groups or events")


def test_words_tell_the_interval_the_ensemble_and_the_simplest():
    words = honest_words(honest())
    assert words["on new rows"] == "0.7000 [0.6000, 0.8000]"
    assert words["ensemble"].endswith("within noise of the best trial")
    assert words["within noise"] == "trials 3, 1; the simplest is 1"
    assert honest_words(honest(gain=Estimate(0.02, (0.01, 0.05))))["ensemble"].endswith(", better than the best trial")
    assert "and 4 more" in honest_words(honest(within_noise=tuple(range(12))))["within noise"]
    assert "within noise" not in honest_words(honest(within_noise=(3,)))


def test_the_report_is_plain():
    report = honest_report(honest({"linear": Against(0.6, 0.1, (0.02, 0.2))}))
    assert report["best_trial"] == {"score": 0.7, "interval": [0.6, 0.8]}
    assert report["references"]["linear"] == {"score": 0.6, "gain": 0.1, "interval": [0.02, 0.2]}
    assert report["within_noise"] == [3, 1]


def test_data_without_a_signal_are_said_to_have_none():
    assert signal({"linear": 0.4}, guess=0.5, metric="roc_auc").startswith("No simple model does better than guessing")
    assert signal({}, guess=0.5, metric="roc_auc") == "No simple model could be fitted."
