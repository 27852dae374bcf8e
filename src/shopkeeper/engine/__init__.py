"""Request → slate: sources, ranking, policies, and the pipeline that runs them."""
