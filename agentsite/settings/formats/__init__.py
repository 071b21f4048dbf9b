"""How dates are written, a package for each language (`FORMAT_MODULE_PATH`)."""
