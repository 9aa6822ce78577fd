"""Networks that turn spectra into sound, and the discriminators that train them."""
