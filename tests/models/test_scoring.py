"""Scoring metrics against scikit-learn and slow counting."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn import metrics as peer

from models import scoring
from models.calibration import Calibrator
from models.errors import NotFitted
from models.reasons import Wording, top_reasons


@pytest.fixture(params=[0, 1, 2])
def judged(request):
    """Outcomes and scores with ties."""
    rng = np.random.default_rng(request.param)
    p = np.round(rng.beta(1, 4, 400), 2)
    return (rng.random(400) < p).astype(float), p


def test_ranking_measures_are_those_of_a_peer(judged):
    y, p = judged
    assert scoring.auc(y, p) == pytest.approx(peer.roc_auc_score(y, p))
    assert scoring.average_precision(y, p) == pytest.approx(peer.average_precision_score(y, p))
    assert scoring.gini(y, p) == pytest.approx(2 * peer.roc_auc_score(y, p) - 1)
    assert scoring.ks(y, p) == pytest.approx(ks_2samp(p[y == 1], p[y == 0]).statistic)


def test_probability_measures_are_those_of_a_peer(judged):
    y, p = judged
    assert scoring.brier(y, p) == pytest.approx(peer.brier_score_loss(y, p))
    inside = np.clip(p, 0.01, 0.99)
    assert scoring.log_loss(y, inside) == pytest.approx(peer.log_loss(y, inside))


def test_calibration_error_is_the_counted_one(judged):
    y, p = judged
    order = np.argsort(p, kind="stable")
    gaps = [abs(p[part].mean() - y[part].mean()) * len(part) for part in np.array_split(order, 10)]
    assert scoring.ece(y, p) == pytest.approx(sum(gaps) / len(y))


def test_unknown_outcomes_are_left_out(judged):
    y, p = judged
    longer, more = np.append(y, [np.nan] * 5), np.append(p, np.ones(5))
    for measure in (scoring.auc, scoring.average_precision, scoring.ks, scoring.brier, scoring.ece):
        assert measure(longer, more) == measure(y, p)


def test_one_class_alone_cannot_be_ranked():
    assert np.isnan(scoring.auc([1, 1], [0.2, 0.3]))
    assert np.isnan(scoring.ks([0, 0], [0.2, 0.3]))
    assert np.isnan(scoring.average_precision([0, 0], [0.2, 0.3]))


def test_stability_is_zero_for_the_same_scores_and_grows_with_a_shift():
    p = np.random.default_rng(0).beta(2, 5, 5000)
    assert scoring.psi(p, p) == pytest.approx(0, abs=1e-9)
    assert 0.02 < scoring.psi(p, np.clip(p + 0.05, 0, 1)) < scoring.psi(p, np.clip(p + 0.2, 0, 1))


def test_recall_and_precision_count_from_the_top():
    y, s = [0, 1, 1, 0, 0], [0.1, 0.9, 0.2, 0.8, 0.3]
    assert scoring.precision_at(y, s, 2) == 0.5
    assert scoring.recall_at(y, s, share=0.2) == 0.5


def test_calibration_mends_an_overconfident_score():
    rng = np.random.default_rng(1)
    truth = rng.beta(2, 6, 6000)
    y = (rng.random(6000) < truth).astype(float)
    raw = truth**2 / (truth**2 + (1 - truth) ** 2)
    mended = Calibrator().fit(raw[:3000], y[:3000]).predict(raw)
    assert scoring.ece(y[3000:], mended[3000:]) < 0.5 * scoring.ece(y[3000:], raw[3000:])
    assert scoring.auc(y, mended) == pytest.approx(scoring.auc(y, raw))


def test_a_handful_of_outcomes_does_not_bend_a_score():
    raw = np.linspace(0.05, 0.6, 12)
    bent = Calibrator().fit(raw, (raw > 0.5).astype(float)).predict(raw)
    assert np.abs(bent - raw).max() < 0.25
    assert ((bent > 0) & (bent < 1)).all()


def test_an_unfitted_calibrator_says_so():
    with pytest.raises(NotFitted):
        Calibrator().predict([0.5])


def test_reasons_of_one_code_are_added_and_the_largest_comes_first():
    words = {
        "late": Wording("LATE", "Pays late.", "Pays on time."),
        "later": Wording("LATE", "Pays late.", "Pays on time."),
        "sales": Wording("SALES", "Sells less.", "Sells more."),
    }
    told = top_reasons(np.array([[0.4, 0.3, -0.5]]), ["late", "later", "sales"], words)[0]
    assert [(r["code"], r["text"], r["effect"]) for r in told] == [
        ("LATE", "Pays late.", 0.7),
        ("SALES", "Sells more.", -0.5),
    ]


def test_adverse_reasons_leave_out_what_speaks_for_somebody():
    words = {"sales": Wording("SALES", "Sells less.", "Sells more.")}
    assert top_reasons(np.array([[-0.5]]), ["sales"], words, adverse=True) == [[]]
