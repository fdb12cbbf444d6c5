"""Interface tests: whether a calculator behaves as every ASE calculator does."""
