"""Networks that part a mix into its stems."""
