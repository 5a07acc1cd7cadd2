/// Declares a builder with setters of `Option` fields. After `=>`, a function sets any other field.
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
            /// A builder of a request as Divar sends it, for tests.
            pub fn builder() -> $builder {
                $builder(Self::default())
            }
        }

        impl $builder {
            $(#[doc = concat!("Sets `", stringify!($field), "`.")]
            $(#[$field_doc])*
            pub fn $field(mut self, $field: $type) -> Self {
                let set = $crate::webhook::builder::setter!($built $field $($set)?);
                set(&mut self.0, $field.into());
                self
            })*

            /// Returns the request.
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
