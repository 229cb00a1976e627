"""Many runs as one compiled program: jax.vmap over games."""
