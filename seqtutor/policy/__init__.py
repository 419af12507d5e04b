"""Networks as policies: the recurrent model, a prior with what was tuned from it, primers, drawing sequences."""
