"""audiokit: composable audio commands and the functions behind them."""

__version__ = "0.1.0"
