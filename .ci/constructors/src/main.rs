//! Calls every constructor of a combination of features. Each may fail, and none may panic.

use kenar::client::ClientBuilder;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::MockTransport;
use kenar::Client;

fn builder() -> Result<ClientBuilder, Box<dyn std::error::Error>> {
    Ok(Client::builder(ApiKey::new("placeholder")?))
}

fn tell<T, E: std::error::Error>(constructor: &str, outcome: Result<T, E>) {
    match outcome {
        Ok(_) => println!("{constructor}: made"),
        Err(error) => {
            let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            println!("{constructor}: {}", chain.map(ToString::to_string).collect::<Vec<_>>().join(": "));
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tell("Client::builder", builder()?.build());
    tell("Client::builder, local", builder()?.base_urls(BaseUrls::single("http://127.0.0.1:1")?).build());
    builder()?.transport(MockTransport::new()).build()?;

    #[cfg(any(feature = "hyper", feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
    {
        use kenar::transport::HyperTransport;
        tell("Client::new", Client::new(ApiKey::new("placeholder")?));
        tell("HyperTransport::new", HyperTransport::new());
        tell("HyperTransport::builder", HyperTransport::builder().no_proxy().build());
    }

    #[cfg(all(feature = "reqwest", any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
    {
        use kenar::transport::ReqwestTransport;
        tell("ReqwestTransport::new", ReqwestTransport::new());
        tell("ReqwestTransport::builder", ReqwestTransport::builder().no_proxy().build());
    }
    // reqwest itself can make a client without TLS, or with the system's.
    #[cfg(all(feature = "reqwest", not(feature = "rustls"), not(feature = "rustls-no-provider")))]
    #[cfg(not(feature = "reqwest-without-provider"))]
    {
        use kenar::transport::ReqwestTransport;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        tell("ReqwestTransport::from_client", ReqwestTransport::from_client(client));
    }

    #[cfg(any(feature = "tokio", feature = "hyper"))]
    let _ = kenar::client::TokioTimer;
    Ok(())
}
