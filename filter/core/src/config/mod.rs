//! What a user writes, parsed once into what cannot be wrong.
