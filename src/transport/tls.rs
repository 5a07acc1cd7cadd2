//! TLS by rustls, with the certificates that the operating system trusts.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::TransportSetupError;

/// What a transport's connections are secured with.
pub(super) fn config() -> Result<ClientConfig, TransportSetupError> {
    let provider = provider()
        .ok_or_else(|| TransportSetupError::new("no rustls provider is installed: install one at the start"))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(TransportSetupError::new)?;
    Ok(config.with_no_client_auth())
}

#[cfg(feature = "rustls")]
#[expect(clippy::unnecessary_wraps, reason = "the other one may have none")]
fn provider() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

/// The one that the program installed.
#[cfg(not(feature = "rustls"))]
fn provider() -> Option<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned()
}
