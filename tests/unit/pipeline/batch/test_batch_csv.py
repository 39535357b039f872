"""A batch of CSV has the tables of one of Parquet, whatever the text file looks like."""

import pandas as pd
import pytest
from batch_study import write_study
from test_batch_equality import batch, table

from its_eval.batch.work import TABLES
from its_eval.errors import DataError


def as_csv(path, name="monitor.csv", keys="", change=lambda frame: frame, **form):
    """Write the data of a batch as CSV, and a config that reads it; return the config."""
    (dataset,) = path.parent.glob("*.parquet")
    change(pd.read_parquet(dataset).astype({"unit": str, "indicator": str})).to_csv(
        path.parent / name, index=False, **form
    )
    text = path.read_text(encoding="utf-8")
    assert dataset.name in text
    config = path.with_name("csv.yaml")
    config.write_text(text.replace(dataset.name, name + keys), encoding="utf-8")
    return config


@pytest.mark.parametrize(
    ("name", "keys", "form"),
    [
        ("monitor.csv", "", {}),
        ("monitor.csv.gz", "", {}),
        ("monitor.csv", ', delimiter: ";", decimal: ","', {"sep": ";", "decimal": ","}),
    ],
)
@pytest.mark.parametrize("block_rows", [1, 10**6])
def test_the_tables_are_those_of_parquet(tmp_path, name, keys, form, block_rows):
    path = write_study(tmp_path)
    _, parquet = batch(path, "parquet", block_rows=block_rows)
    _, csv = batch(as_csv(path, name, keys, **form), "csv", block_rows=block_rows)
    for each in TABLES:
        pd.testing.assert_frame_equal(table(csv, each), table(parquet, each), rtol=1e-9)


def test_a_cell_that_is_no_number_is_named(tmp_path):
    def damage(frame):
        frame = frame.astype({"value": str})
        frame.loc[3, "value"] = "many"
        return frame

    with pytest.raises(DataError, match="column 'value': 'many' is not a number"):
        batch(as_csv(write_study(tmp_path), change=damage), "csv")
