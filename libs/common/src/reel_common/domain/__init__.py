"""What the product is about, without a product behind it: jobs, steps, media, programs, and what follows from what."""
