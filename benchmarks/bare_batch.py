"""What a batch run is held against: read the dataset, pivot, solve least squares, write four columns."""

import sys

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

dataset, target = sys.argv[1:]
rows = ds.dataset(dataset).to_table(columns=["indicator", "unit", "period", "value"]).to_pandas()
wide = rows.pivot(index="period", columns=["indicator", "unit"], values="value")  # noqa: PD010
time, start = np.arange(len(wide)), 27
after = (time >= start) * 1.0
X = np.column_stack([np.ones(len(wide)), time - start, after, after * (time - start)])
found = np.linalg.lstsq(X, wide.to_numpy(), rcond=None)[0]
names = ["counterfactual_at_start", "pre_slope", "level_change", "slope_change"]
pd.DataFrame(found.T, index=wide.columns, columns=names).reset_index().to_parquet(target)
