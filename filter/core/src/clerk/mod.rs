//! What Clerk issues and answers: session tokens, keys, metadata.
