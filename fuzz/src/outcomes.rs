//! How a target names what its sequences may reach.

/// Declares `Outcome`, with these variants, and `Outcome::ALL`.
macro_rules! outcomes {
    ($($name:ident,)+) => {
        /// Something that a sequence may reach.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Outcome {
            $($name,)+
        }

        impl Outcome {
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}
