#![doc = include_str!("README.md")]
//!
#![cfg_attr(feature = "sandbox", doc = "[sandbox]: crate::sandbox\n[testing]: crate::guide::testing")]
#![cfg_attr(not(feature = "sandbox"), doc = "[sandbox]: crate#features\n[testing]: crate#features")]

pub mod open_app {
    #![doc = include_str!("open_app.md")]
}

pub mod permission {
    #![doc = include_str!("permission.md")]
    //!
    #![cfg_attr(feature = "tokio", doc = "[shared]: crate::SharedTokens")]
    #![cfg_attr(not(feature = "tokio"), doc = "[shared]: crate#features")]
}

pub mod sending {
    #![doc = include_str!("sending.md")]
}

pub mod chatbot {
    #![doc = include_str!("chatbot.md")]
}

pub mod media {
    #![doc = include_str!("media.md")]
}

pub mod errors {
    #![doc = include_str!("errors.md")]
}

#[cfg(feature = "sandbox")]
pub mod testing {
    #![doc = include_str!("testing.md")]
}
