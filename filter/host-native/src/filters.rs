//! The filters of this module, one line for each.

use crate::host::Native;
use tollgate_driver::{Dispatch, Filter};

/// Defines [`FilterKind`], [`Dispatches`], and [`with_dispatch!`]. The first token is `$`, which the inner
/// macro needs.
macro_rules! filters {
    ($d:tt $($name:ident: $filter:ty,)+) => {
        /// A filter of this module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(non_camel_case_types, reason = "named as in the configuration")]
        pub(crate) enum FilterKind {
            $(
                #[doc = concat!("The filter `", stringify!($name), "`.")]
                $name,
            )+
        }

        impl FilterKind {
            /// All filters.
            pub(crate) const ALL: &[FilterKind] = &[$(FilterKind::$name),+];

            /// Returns the name, which is also the filter's section of the document.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(FilterKind::$name => stringify!($name),)+
                }
            }

            /// Returns whether the filter [reads bodies](Filter::READS_BODY).
            pub(crate) const fn reads_body(self) -> bool {
                match self {
                    $(FilterKind::$name => <$filter as Filter>::READS_BODY,)+
                }
            }

            /// Checks a configuration in the main thread and defines the filter's metrics. The state that its
            /// requests share is created in each worker.
            pub(crate) fn check(self, host: &mut Native, document: &[u8]) -> bool {
                match self {
                    $(FilterKind::$name => {
                        Dispatch::<$filter, Native>::new().configure(host, 0, Some(document))
                    })+
                }
            }
        }

        /// The requests of one thread: those of each filter in a dispatch of their own.
        pub(crate) struct Dispatches {
            $(pub(crate) $name: Dispatch<$filter, Native>,)+
        }

        impl Dispatches {
            pub(crate) const fn new() -> Self {
                Dispatches { $($name: Dispatch::new(),)+ }
            }

            /// Returns whether a filter has a request with that ID.
            pub(crate) fn has_request(&self, request_id: u32) -> bool {
                $(self.$name.request(request_id).is_some())||+
            }
        }

        /// Evaluates an expression with the dispatch of a filter. There is one copy of the expression for
        /// each filter, so no call is dynamic.
        macro_rules! with_dispatch {
            ($d dispatches:expr, $d kind:expr, $d dispatch:ident => $d call:expr) => {
                match $d kind {
                    $($crate::filters::FilterKind::$name => {
                        let $d dispatch = &mut $d dispatches.$name;
                        $d call
                    })+
                }
            };
        }
        pub(crate) use with_dispatch;
    };
}

filters! { $
    stripe_webhook: stripe_webhook::StripeWebhook,
    clerk_webhook: clerk_webhook::ClerkWebhook,
    billing: billing::BillingFilter,
    plan_gate: plan_gate::PlanGate,
}

impl FilterKind {
    /// Returns the filter of that name.
    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        FilterKind::ALL.iter().copied().find(|kind| kind.name().as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_found_by_its_exact_name() {
        for kind in FilterKind::ALL {
            assert_eq!(FilterKind::of_name(kind.name().as_bytes()), Some(*kind));
        }
        for name in ["", "plan_gates", "Plan_gate", "plan-gate"] {
            assert_eq!(FilterKind::of_name(name.as_bytes()), None, "{name}");
        }
    }
}
