//! Promise: TLS 1.2 is the least that is spoken, also where the system's library would speak less.
#![cfg(all(target_os = "linux", feature = "native-tls", not(feature = "rustls")))]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use kenar::client::Retry;
use kenar::request::BaseUrls;
use kenar::secret::ApiKey;
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{ChatApi as _, Client};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use kenar_tests::support::calls::{API_KEY, access_token};

/// Set in the process that is the client: its library is told to speak TLS 1.0 by its own configuration.
const CLIENT: &str = "KENAR_TEST_TLS_VERSIONS";

const SPEAKS_ANYTHING: &str = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = defaults\n\
    [defaults]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n";

/// The versions that a ClientHello offers: its extension `supported_versions` (RFC 8446, section 4.2.1).
fn offered(hello: &[u8]) -> Vec<u16> {
    let number =
        |at: usize, length: usize| hello[at..at + length].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
    // Record and handshake headers, version and random; then the session, the ciphers and the compressions.
    let mut at = 5 + 4 + 2 + 32;
    for length in [1, 2, 1] {
        at += length + number(at, length);
    }
    at += 2;
    while number(at, 2) != 43 {
        at += 4 + number(at + 2, 2);
    }
    hello[at + 5..at + 5 + number(at + 4, 1)].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test]
async fn tls_1_2_is_the_least() {
    if let Ok(role) = std::env::var(CLIENT) {
        let (stack, url) = role.split_once(' ').unwrap();
        let transport: Arc<dyn HttpTransport> = match stack {
            "hyper" => Arc::new(HyperTransport::builder().no_proxy().build().unwrap()),
            _ => Arc::new(ReqwestTransport::builder().no_proxy().build().unwrap()),
        };
        let client = Client::builder(ApiKey::new(API_KEY).unwrap())
            .base_urls(BaseUrls::single(url).unwrap())
            .transport(transport)
            .retry(Retry::never())
            .time_limit(Duration::from_secs(20))
            .build()
            .unwrap();
        client.get_user(&access_token()).await.unwrap_err();
        return;
    }
    let configuration = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speaks-anything.cnf");
    std::fs::write(&configuration, SPEAKS_ANYTHING).unwrap();
    for stack in ["hyper", "reqwest"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let mut client = tokio::process::Command::new(std::env::current_exe().unwrap());
        client.args(["--exact", "tls_versions::tls_1_2_is_the_least"]).env(CLIENT, format!("{stack} {url}"));
        client.env("OPENSSL_CONF", &configuration).stdin(Stdio::null()).kill_on_drop(true);
        let (output, hello) = tokio::join!(client.output(), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = vec![0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            hello.resize(5 + length, 0);
            stream.read_exact(&mut hello[5..]).await.unwrap();
            hello
        });
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let offered = offered(&hello);
        assert!(offered.contains(&0x0303), "{stack} offers {offered:04x?}");
        assert!(offered.iter().all(|version| *version >= 0x0303), "{stack} offers {offered:04x?}");
    }
}
