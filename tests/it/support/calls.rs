//! Helpers for tests of calls.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request};
use kenar::Client;
use kenar::model::ConversationId;
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::{HttpTransport, MockTransport};

pub const API_KEY: &str = "api-key-of-the-test";
pub const ACCESS_TOKEN: &str = "access-token-of-the-test";

pub fn access_token() -> AccessToken {
    AccessToken::new(ACCESS_TOKEN).unwrap()
}

pub fn conversation() -> ConversationId {
    ConversationId::new("c-1")
}

pub fn client(transport: impl HttpTransport) -> Client {
    Client::builder(ApiKey::new(API_KEY).unwrap()).transport(transport).build().unwrap()
}

/// The only request sent.
pub fn only_request(mock: &MockTransport) -> Request<Bytes> {
    let mut requests = mock.requests();
    assert_eq!(requests.len(), 1, "requests sent");
    requests.remove(0)
}

/// All headers by name; repeated headers are joined.
pub fn all(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, value) in headers {
        let joined: &mut String = all.entry(name.to_string()).or_default();
        if !joined.is_empty() {
            joined.push_str(" AND ");
        }
        joined.push_str(value.to_str().unwrap());
    }
    all
}
