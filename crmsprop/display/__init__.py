"""Pictures of what an estimator has learnt, in the manner of scikit-learn's displays.

``from_estimator`` and its like make a display and draw it; ``plot`` draws it again, elsewhere. matplotlib is imported
where it is drawn with, and never configured.
"""

from crmsprop.display.axes import require_matplotlib
from crmsprop.display.confusion import ConfusionDisplay
from crmsprop.display.filters import FiltersDisplay
from crmsprop.display.finder import LearningRateFinderDisplay
from crmsprop.display.history import TrainingHistoryDisplay
from crmsprop.display.search import SearchHeatmapDisplay

__all__ = [
    "ConfusionDisplay",
    "FiltersDisplay",
    "LearningRateFinderDisplay",
    "SearchHeatmapDisplay",
    "TrainingHistoryDisplay",
    "require_matplotlib",
]
