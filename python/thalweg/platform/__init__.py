"""Files, logging, flags and the main function: what programs use round the graph."""
