"""The sound study that the data fuzzer damages."""

CONFIG = """\
version: 1
data: {indicators: {path: i.csv}, characteristics: {path: c.csv}}
intervention: {date: 2016-07}
treated: [A]
peers: {k: 2}
outcomes: [{indicator: waits}]
designs: [single, difference]
estimators: [ols]
"""


def lines():
    """Return the indicator table: four units, three years."""
    rows = ["indicator,unit,period,value"]
    for place, unit in enumerate("ABCD"):
        for index in range(36):
            rows.append(f"waits,{unit},{2015 + index // 12}-{index % 12 + 1:02d},{50 + place + index % 7}")
    return rows
