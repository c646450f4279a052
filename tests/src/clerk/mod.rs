//! A fake of Clerk's Backend API, and Clerk's tokens.
