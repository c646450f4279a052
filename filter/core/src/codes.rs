//! The macro that defines the codes of alarms and of refusals, which `docs/alarms.md` lists.

/// Defines an enum of codes with the string of each, and the list of all.
macro_rules! codes {
    ($(#[$doc:meta])* $codes:ident { $($code:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "docs/alarms.md has the meaning of each")]
        pub enum $codes {
            $($code,)*
        }

        impl $codes {
            /// All codes.
            pub const ALL: &[$codes] = &[$($codes::$code),*];

            /// Returns the code's string.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($codes::$code => $word,)*
                }
            }
        }
    };
}

pub(crate) use codes;
