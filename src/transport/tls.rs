//! TLS, set up on the first `https` connection: a program that calls only this machine needs no certificates.

use std::sync::OnceLock;

use super::TransportSetupError;

pub(super) use backend::{Config, over};
#[cfg(feature = "reqwest")]
pub(super) use backend::{for_reqwest, without_roots};

/// A lazy TLS configuration. A failure is not cached, since certificates may be installed later.
#[derive(Default)]
pub(super) struct Tls(OnceLock<Config>);

impl Tls {
    pub(super) fn config(&self) -> Result<&Config, TransportSetupError> {
        match self.0.get() {
            Some(config) => Ok(config),
            None => {
                let config = backend::config().map_err(TransportSetupError::new)?;
                Ok(self.0.get_or_init(|| config))
            }
        }
    }
}

#[cfg(any(feature = "rustls", all(feature = "rustls-no-provider", not(feature = "native-tls"))))]
mod backend {
    use std::sync::Arc;

    use rustls::ClientConfig;
    use rustls::crypto::CryptoProvider;
    use rustls_platform_verifier::Verifier;

    use crate::error::BoxError;

    pub(in crate::transport) type Config = Arc<ClientConfig>;

    #[derive(Debug, thiserror::Error)]
    #[error(
        "cannot load the system's root certificates: install them (Debian, Ubuntu and Alpine: the package \
         `ca-certificates`) or set SSL_CERT_FILE"
    )]
    struct NoCertificates(#[source] rustls::Error);

    pub(super) fn config() -> Result<Config, BoxError> {
        let provider = provider()?;
        let verifier = Verifier::new(provider.clone()).map_err(NoCertificates)?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Arc::new(config.with_no_client_auth()))
    }

    pub(in crate::transport) fn over<R>(route: R, config: &Config) -> hyper_rustls::HttpsConnector<R> {
        hyper_rustls::HttpsConnector::from((route, config.clone()))
    }

    #[cfg(feature = "reqwest")]
    pub(in crate::transport) fn for_reqwest(config: &Config) -> ClientConfig {
        ClientConfig::clone(config)
    }

    /// rustls without root certificates, for a client that calls only `http`.
    #[cfg(feature = "reqwest")]
    pub(in crate::transport) fn without_roots() -> Result<ClientConfig, BoxError> {
        let config = ClientConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
    }

    #[cfg(feature = "rustls")]
    #[expect(clippy::unnecessary_wraps, reason = "the other one may have none")]
    fn provider() -> Result<Arc<CryptoProvider>, BoxError> {
        Ok(Arc::new(rustls::crypto::ring::default_provider()))
    }

    #[cfg(not(feature = "rustls"))]
    fn provider() -> Result<Arc<CryptoProvider>, BoxError> {
        CryptoProvider::get_default()
            .cloned()
            .ok_or_else(|| "no rustls crypto provider is installed: call `install_default` of one at the start".into())
    }
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
mod backend {
    use native_tls::{Protocol, TlsConnector};

    use crate::error::BoxError;

    pub(in crate::transport) type Config = TlsConnector;

    /// The operating system's TLS, from 1.2 on: older versions of `native-tls` allow TLS 1.0 by default.
    pub(super) fn config() -> Result<Config, BoxError> {
        Ok(TlsConnector::builder().min_protocol_version(Some(Protocol::Tlsv12)).build()?)
    }

    pub(in crate::transport) fn over<R>(route: R, config: &Config) -> hyper_tls::HttpsConnector<R> {
        hyper_tls::HttpsConnector::from((route, config.clone().into()))
    }

    #[cfg(feature = "reqwest")]
    pub(in crate::transport) fn for_reqwest(config: &Config) -> TlsConnector {
        config.clone()
    }

    /// Without certificates, it fails later than rustls.
    #[cfg(feature = "reqwest")]
    pub(in crate::transport) fn without_roots() -> Result<TlsConnector, BoxError> {
        config()
    }
}
