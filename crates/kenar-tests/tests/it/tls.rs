//! Promise: what goes to Divar is secured by a certificate that this machine trusts for that host, or not sent at all; a
//! proxy between them learns where it goes and nothing else.
//!
//! What is trusted is a matter of the process: `SSL_CERT_FILE` on Linux. So the client of each test is this program, started
//! once more.
#![cfg(all(target_os = "linux", feature = "rustls"))]

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kenar::client::Retry;
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{ChatApi as _, Client};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Set where this program is the client: what it sends over, and to where.
const CLIENT: &str = "KENAR_TEST_TLS_CLIENT";

/// A server with a certificate of its own for `localhost`. Counts the requests that it reads.
struct Server {
    port: u16,
    certificate: String,
    requests: Arc<Mutex<u32>>,
}

impl Server {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(0));
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), requests.clone()));
        Self { port, certificate: made.cert.pem(), requests }
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, requests: Arc<Mutex<u32>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, requests) = (tls.clone(), requests.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(stream).await else { return };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            *requests.lock().unwrap() += 1;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        });
    }
}

/// A proxy that does make tunnels. Keeps the heads of the requests for them.
async fn start_proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(tunnel_all(listener, heads.clone()));
    (port, heads)
}

async fn tunnel_all(listener: TcpListener, heads: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let heads = heads.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                stream.read_line(&mut head).await.unwrap();
            }
            let to = head.split(' ').nth(1).unwrap_or_default().to_owned();
            heads.lock().unwrap().push(head);
            let mut server = TcpStream::connect(to).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        });
    }
}

/// The same by SOCKS 5 (RFC 1928). Keeps the hosts that were asked for.
async fn start_socks() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let base_urls = Arc::new(Mutex::new(Vec::new()));
    let asked = base_urls.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting, [5, 1, 0], "one way to prove who one is: none");
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "a connection to a host by name");
        let mut host = vec![0; request[4].into()];
        stream.read_exact(&mut host).await.unwrap();
        let host = format!("{}:{}", String::from_utf8(host).unwrap(), stream.read_u16().await.unwrap());
        let mut server = TcpStream::connect(&host).await.unwrap();
        asked.lock().unwrap().push(host);
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
    });
    (port, base_urls)
}

/// The client's output for one call to `host`, trusting the given certificate if any.
async fn call(stack: &str, host: &str, trusted: Option<&str>, proxy: Option<&str>) -> String {
    let mut client = tokio::process::Command::new(std::env::current_exe().unwrap());
    client.args(["--exact", "tls::client", "--nocapture"]).env(CLIENT, format!("{stack} {host}"));
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"] {
        client.env_remove(name);
    }
    if let Some(proxy) = proxy {
        client.env("HTTPS_PROXY", proxy);
    }
    let port = host.rsplit(':').next().unwrap_or_default();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trusted-{port}.pem"));
    if let Some(certificate) = trusted {
        std::fs::write(&file, certificate).unwrap();
        client.env("SSL_CERT_FILE", &file);
    }
    let output = client.stdin(Stdio::null()).output().await.unwrap();
    let _ = std::fs::remove_file(&file);
    let output = String::from_utf8(output.stdout).unwrap();
    let outcome = output.lines().find_map(|line| line.split_once("outcome: "));
    outcome.unwrap_or_else(|| panic!("no outcome: {output}")).1.to_owned()
}

/// The client of the other tests; where it is not asked to be one, it does nothing.
#[tokio::test]
async fn client() {
    let Ok(role) = std::env::var(CLIENT) else { return };
    let (stack, host) = role.split_once(' ').unwrap();
    let transport: Arc<dyn HttpTransport> = match stack {
        "hyper" => Arc::new(HyperTransport::new().unwrap()),
        _ => Arc::new(ReqwestTransport::new().unwrap()),
    };
    let client = Client::builder(ApiKey::new("placeholder").unwrap())
        .base_urls(BaseUrls::single(host).unwrap())
        .transport(transport)
        .retry(Retry::never())
        .time_limit(Duration::from_secs(20))
        .build()
        .unwrap();
    match client.get_user(&AccessToken::new("placeholder").unwrap()).await {
        Ok(_) => println!("outcome: answered"),
        Err(error) => println!("outcome: {:?}, processed: {}", error.kind(), error.may_have_been_processed()),
    }
}

const NOT_CONNECTED: &str = "Connect, processed: false";

#[tokio::test]
async fn certificate_that_is_trusted_for_the_host_is_taken() {
    for stack in ["hyper", "reqwest"] {
        let server = Server::start().await;
        let host = format!("https://localhost:{}", server.port);
        assert_eq!(call(stack, &host, Some(&server.certificate), None).await, "answered", "{stack}");
        assert_eq!(*server.requests.lock().unwrap(), 1, "{stack}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_that_does_not_prove_itself() {
    for stack in ["hyper", "reqwest"] {
        let server = Server::start().await;
        let (own, other) = (format!("https://localhost:{}", server.port), format!("https://127.0.0.1:{}", server.port));
        assert_eq!(call(stack, &own, None, None).await, NOT_CONNECTED, "{stack}: not trusted");
        let certificate = Some(server.certificate.as_str());
        assert_eq!(call(stack, &other, certificate, None).await, NOT_CONNECTED, "{stack}: another host's");
        assert_eq!(*server.requests.lock().unwrap(), 0, "{stack}");
    }
}

#[tokio::test]
async fn proxy_learns_where_a_call_goes_and_nothing_else() {
    let server = Server::start().await;
    let (proxy, heads) = start_proxy().await;
    let (socks, base_urls) = start_socks().await;
    let host = format!("https://localhost:{}", server.port);
    for proxy in [format!("http://127.0.0.1:{proxy}"), format!("socks5h://127.0.0.1:{socks}")] {
        assert_eq!(call("hyper", &host, Some(&server.certificate), Some(&proxy)).await, "answered", "{proxy}");
    }
    let heads = heads.lock().unwrap();
    let [head] = heads.as_slice() else { panic!("one tunnel: {heads:?}") };
    assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port)), "{head}");
    assert!(!head.contains("placeholder"), "{head}");
    assert_eq!(*base_urls.lock().unwrap(), [format!("localhost:{}", server.port)]);
}
