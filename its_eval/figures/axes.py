"""Axes whose ticks are drawn one after the other with a single set of lines and letters.

Matplotlib makes five artists for every tick, measures every label to place a title of the axis beneath, and
makes all that for the defaults before the real ticks are set. Ours have fixed places and words and no titles
of axes; what is drawn is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.ticker import FixedLocator, NullLocator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axis import Tick
    from matplotlib.backend_bases import RendererBase

_ROUGHLY = 1e-10


class _SparingAxis(Axis):
    """An axis that makes one tick to draw with, and all of them only for somebody who asks for them."""

    #: Which words are bold.
    _bold: Sequence[bool] = ()
    _setting = False

    def set_bold(self, bold: Sequence[bool]) -> None:
        """Choose the weight of the words at each tick."""
        self._bold = bold

    def reset_ticks(self) -> None:
        # an empty list in the place of one that is filled when it is first looked at
        self.majorTicks: list[Tick] = []
        self.minorTicks: list[Tick] = []

    def set_ticks(self, *args: Any, **kwargs: Any) -> Any:
        self._setting = True
        try:
            made = super().set_ticks(*args, **kwargs)
        finally:
            self._setting = False
        if not self.majorTicks:
            # now, and not when it is drawn: the style may be another one by then
            tick = self._get_tick(major=True)  # type: ignore[attr-defined]  # not in the stubs
            self.majorTicks = [tick]
        return made

    def get_major_ticks(self, numticks: int | None = None) -> list[Tick]:
        if self._setting:
            return []
        ticks = super().get_major_ticks(numticks)
        for tick in ticks:
            tick.set_clip_path(self.axes.patch)
        if isinstance(self.get_major_locator(), FixedLocator):
            for tick, place in zip(ticks, self._places(), strict=False):
                self._put(tick, *place)
        return ticks

    def _places(self) -> list[tuple[float, str, bool]]:
        """Return where ticks stand, with their words and whether these are bold."""
        places = self.get_majorticklocs()
        words = self.get_major_formatter().format_ticks(places.tolist())
        return list(zip(places, words, self._bold or [False] * len(places), strict=True))

    def _put(self, tick: Tick, place: float, words: str, bold: bool) -> None:
        tick.update_position(place)
        tick.label1.set_text(words)
        tick.label2.set_text(words)
        tick.label1.set_fontweight("bold" if bold else "normal")

    def draw(self, renderer: RendererBase) -> None:
        locators = self.get_major_locator(), self.get_minor_locator()
        if not (isinstance(locators[0], FixedLocator) and isinstance(locators[1], NullLocator)):
            super().draw(renderer)
            return
        if not self.get_visible():
            return
        renderer.open_group(Axis.__module__, gid=self.get_gid())
        tick = self.majorTicks[0]
        tick.set_clip_path(self.axes.patch)
        transform = self.get_transform()
        low, high = sorted(transform.transform(self.get_view_interval()))
        slack = _ROUGHLY * (high - low)
        for place, words, bold in self._places():
            if low - slack <= transform.transform(place) <= high + slack:
                self._put(tick, place, words, bold)
                tick.draw(renderer)
        renderer.close_group(Axis.__module__)
        self.stale = False


class _SparingXAxis(_SparingAxis, XAxis):
    """The horizontal one."""


class _SparingYAxis(_SparingAxis, YAxis):
    """The vertical one."""


class SparingAxes(Axes):
    """Axes with sparing horizontal and vertical axis."""

    xaxis: _SparingXAxis
    yaxis: _SparingYAxis

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _SparingXAxis(self, clear=False), _SparingYAxis(self, clear=False)
        for name in self.spines:
            self.spines[name].register_axis(self.yaxis if name in ("left", "right") else self.xaxis)
