"""A cross-validated search over rho and the learning rate, in a Pipeline, with scikit-learn's own GridSearchCV.

Run this with ``python examples/grid_search.py``, perhaps with the path of a picture to draw. On the command line such a
search is ``crmsprop tune --param rho=0.8,0.9,0.99 --param learning_rate=1e-3,3e-3``.
"""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmsprop import MLPClassifier
from crmsprop.display import SearchHeatmapDisplay


def main():
    X, X_test, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((32,), max_epochs=20, random_state=0))
    grid = {
        "mlpclassifier__rho": [0.8, 0.9, 0.99],
        "mlpclassifier__learning_rate": [1e-3, 3e-3],
    }
    search = GridSearchCV(pipeline, grid, cv=5)  # n_jobs=2: two fits at a time, each on half of the cores
    search.fit(X, y)
    for settings, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        rho, rate = settings["mlpclassifier__rho"], settings["mlpclassifier__learning_rate"]
        print(f"rho {rho:<4}  learning rate {rate:<5}  accuracy {score:.3f}")
    print(f"best: {search.best_params_}")
    print(f"test accuracy of the best {search.score(X_test, y_test):.3f}")  # the test data took no part so far

    if len(sys.argv) > 1:
        SearchHeatmapDisplay.from_estimator(search).figure_.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
