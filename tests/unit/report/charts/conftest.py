"""Ways to look at what was drawn."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from its_eval.figures.style import house_style


@pytest.fixture
def said():
    """All words of a figure."""
    return lambda figure: " ".join(text.get_text() for text in figure.findobj(Text))


@pytest.fixture
def check_texts():
    """A check that no words overlap, leave the sheet or are too small."""

    def check(figure):
        with house_style():
            renderer = FigureCanvasAgg(figure).get_renderer()
            figure.draw(renderer)
            texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
            boxes = [(text, text.get_window_extent(renderer)) for text in texts]
        assert boxes
        for (one, first), (other, second) in combinations(boxes, 2):
            apart = first.x1 <= second.x0 or second.x1 <= first.x0
            # boxes of letters touch a little above and below without the letters doing so
            above = first.y1 - 2 <= second.y0 or second.y1 - 2 <= first.y0
            assert apart or above, f"{one.get_text()!r} overlaps {other.get_text()!r}"
        for text, box in boxes:
            assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1, f"{text.get_text()!r} is cut off"
            assert 0 <= box.y0 <= box.y1 <= figure.bbox.y1, f"{text.get_text()!r} is cut off"
            assert text.get_fontsize() >= 12

    return check
