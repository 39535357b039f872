"""The batched restricted-likelihood engine: one design matrix, many series."""
