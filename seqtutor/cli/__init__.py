"""The command line. One module a command: it parses and calls; what a command does is in the modules beneath."""
