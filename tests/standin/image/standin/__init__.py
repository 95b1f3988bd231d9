"""A conformance double of Langfuse's web and worker: proves what is around them, never pretends to be them."""
