//! Builders of requests, for tests.

/// Declares the builder of a request: a setter for each field, which takes what turns into the field's type. After
/// `=>` stands what sets a field that is not an `Option` of that name.
macro_rules! builder {
    (
        $(#[$doc:meta])*
        $builder:ident builds $built:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(=> $set:expr)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct $builder($built);

        impl $built {
            /// Begins a request as Divar would send it, for tests.
            pub fn builder() -> $builder {
                $builder(Self::default())
            }
        }

        impl $builder {
            $($(#[$field_doc])*
            pub fn $field(mut self, $field: $type) -> Self {
                let set = $crate::webhook::builder::setter!($built $field $($set)?);
                set(&mut self.0, $field.into());
                self
            })*

            /// The request.
            #[must_use]
            pub fn build(self) -> $built {
                self.0
            }
        }
    };
}

macro_rules! setter {
    ($built:ident $field:ident) => {
        |request: &mut $built, value| request.$field = Some(value)
    };
    ($built:ident $field:ident $set:expr) => {
        $set
    };
}

pub(super) use {builder, setter};
