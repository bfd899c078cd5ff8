"""When things happen: Prefect flows, the run folder, configuration and the command line."""
