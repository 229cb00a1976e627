"""The configs that come with gax, found by name: gax-train --config=mnist. `configs` links to configs/."""
