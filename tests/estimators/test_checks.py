"""The checks of scikit-learn, over all estimators: none of them is skipped for what our tags say."""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_get_feature_names_out_error,
    check_global_output_transform_pandas,
    check_inplace_ensure_writeable,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from crmsprop import CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from crmsprop.nn import GELU, BatchNorm, Dense, ReLU, Tanh

#: All samples in one batch, and nothing left to chance: repeating a sample is then the same as doubling its weight. The
#: seed is one whose probabilities do not reach 1, where different logits would be ties, which a check forbids.
FULL_BATCH = {"max_epochs": 80, "batch_size": 10_000, "learning_rate": 0.01, "random_state": 0}
SMALL_CNN = {"filters": (4,), "dense_units": (16,)}

EXACT = [
    MLPClassifier((16,), **FULL_BATCH),
    MLPRegressor((16,), **FULL_BATCH),
    CNNClassifier(dropout=0.0, **SMALL_CNN, **FULL_BATCH | {"max_epochs": 50}),
    CNNRegressor(dropout=0.0, **SMALL_CNN, **FULL_BATCH),
    NetworkClassifier([Dense(32), Tanh()], **FULL_BATCH | {"max_epochs": 150}),
    NetworkRegressor([Dense(16), GELU()], **FULL_BATCH),
]

DEFAULTS = [
    MLPClassifier(),
    MLPRegressor(),
    CNNClassifier(),
    CNNRegressor(),
    NetworkClassifier([Dense(100), ReLU()]),
    NetworkRegressor([Dense(100), ReLU()]),
    NetworkClassifier(
        [Dense(16), BatchNorm(), GELU()], max_epochs=40, batch_size=64, learning_rate=0.01, random_state=0
    ),
]


#: What scikit-learn asks of its own estimators alone.
OF_ITS_OWN = [
    check_dataframe_column_names_consistency,
    check_get_feature_names_out_error,
    check_global_output_transform_pandas,
    check_inplace_ensure_writeable,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
]


def why_they_fail(estimator):
    """What may fail, and has to, since expected failures are strict."""
    reasons = []
    if isinstance(estimator, CNNClassifier | CNNRegressor):
        reasons.append("dropout draws for each copy of a sample")
    if any(isinstance(layer, BatchNorm) for layer in getattr(estimator, "layers", ())):
        reasons.append("batch normalization takes its statistics from the samples of a batch, whatever their weights")
    return {"check_sample_weight_equivalence_on_dense_data": reasons[0]} if reasons else {}


@parametrize_with_checks(EXACT)
def test_with_one_batch_and_no_dropout_nothing_fails(estimator, check):
    check(estimator)


@parametrize_with_checks(DEFAULTS, expected_failed_checks=why_they_fail)
def test_with_the_defaults_at_most_the_weights_are_listed(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # they fit frames, transform arrays
@pytest.mark.parametrize("check", OF_ITS_OWN, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", EXACT, ids=lambda estimator: type(estimator).__name__)
def test_what_is_asked_of_scikit_learns_own(estimator, check):
    check(type(estimator).__name__, clone(estimator).set_params(max_epochs=5))
