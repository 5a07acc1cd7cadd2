#![doc = include_str!("README.md")]
//!
//! [sandbox]: https://docs.rs/kenar-sandbox
//! [testing]: https://docs.rs/kenar-sandbox/latest/kenar_sandbox/guide/index.html
//!
#![cfg_attr(feature = "tokio", doc = "[fleet]: crate::guide::fleet")]
#![cfg_attr(not(feature = "tokio"), doc = "[fleet]: crate#features")]
#![cfg_attr(feature = "tokio", doc = "[crash]: crate::guide::crash")]
#![cfg_attr(not(feature = "tokio"), doc = "[crash]: crate#features")]

pub mod open_app {
    #![doc = include_str!("open_app.md")]
}

pub mod permission {
    #![doc = include_str!("permission.md")]
    //!
    #![cfg_attr(feature = "tokio", doc = "[permissions]: crate::tokens::Permissions")]
    #![cfg_attr(not(feature = "tokio"), doc = "[permissions]: crate#features")]
    #![cfg_attr(feature = "tokio", doc = "[fleet]: crate::guide::fleet")]
    #![cfg_attr(not(feature = "tokio"), doc = "[fleet]: crate#features")]
}

#[cfg(feature = "tokio")]
pub mod fleet {
    #![doc = include_str!("fleet.md")]
}

#[cfg(feature = "tokio")]
pub mod crash {
    #![doc = include_str!("crash.md")]
}

pub mod sending {
    #![doc = include_str!("sending.md")]
}

pub mod chatbot {
    #![doc = include_str!("chatbot.md")]
    //!
    #![cfg_attr(feature = "tokio", doc = "[crash]: crate::guide::crash")]
    #![cfg_attr(not(feature = "tokio"), doc = "[crash]: crate#features")]
}

pub mod media {
    #![doc = include_str!("media.md")]
}

pub mod errors {
    #![doc = include_str!("errors.md")]
    //!
    //! [fake]: https://docs.rs/kenar-sandbox/latest/kenar_sandbox/fake/index.html
}

pub mod test_app {
    #![doc = include_str!("test_app.md")]
}

pub mod from_python {
    #![doc = include_str!("from_python.md")]
    //!
    #![cfg_attr(feature = "tokio", doc = "[permissions]: crate::tokens::Permissions")]
    #![cfg_attr(not(feature = "tokio"), doc = "[permissions]: crate#features")]
    #![cfg_attr(feature = "tokio", doc = "[crash]: crate::guide::crash")]
    #![cfg_attr(not(feature = "tokio"), doc = "[crash]: crate#features")]
}
