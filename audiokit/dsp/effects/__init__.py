"""Changes of whole sounds: effects, augmentation, morphing, cutting and joining."""
