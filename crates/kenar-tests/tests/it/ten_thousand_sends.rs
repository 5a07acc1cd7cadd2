//! Promise: whatever goes wrong on the way, a send is right about whether the server saw the whole request.
//!
//! 10,000 sends meet black holes, slow proxies, resets at every point of the request and of TLS, and servers that say
//! nothing. The proxy belongs to the environment, so the test runs in a process of its own.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kenar::error::ErrorKind;
use kenar::operation::{Media, MediaSource, UploadMedia};
use kenar::request::BaseUrls;
use kenar::secret::{ApiKey, UploadToken};
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{BotMessage, ChatApi as _, Client, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use kenar_tests::support::calls::{API_KEY, conversation};

const SENDS: u64 = 10_000;
const AT_ONCE: usize = 200;
const LIMIT: Duration = Duration::from_millis(200);

/// Set in the process that sends.
const SENDER: &str = "KENAR_TEST_TEN_THOUSAND_SENDS";

/// The same numbers on each run.
fn random(seed: u64, below: u64) -> u64 {
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % below
}

/// The number of complete arrivals of each send.
type Seen = Arc<Mutex<HashMap<u64, u32>>>;

/// A server on loopback. Counts the connections that are open: they end when the clients close theirs.
async fn serve<F>(open: &Arc<AtomicU64>, handle: impl Fn(TcpStream, u64) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = open.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            open.fetch_add(1, Ordering::SeqCst);
            let (open, handled) = (open.clone(), handle(stream, number));
            tokio::spawn(async move {
                handled.await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    address.to_string()
}

/// Reads until the other side closes.
async fn swallow(mut stream: TcpStream) {
    while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    #[expect(deprecated, reason = "it warns of lingers that block, and this one is zero")]
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Reads at most `limit` bytes of one request. `true` once it is whole.
async fn read_request(stream: &mut TcpStream, limit: u64, seen: &Seen) -> bool {
    let mut read = Vec::new();
    let mut limited = stream.take(limit);
    loop {
        if let Some(head) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if read.len() >= head + 4 + length.parse::<usize>().unwrap() {
                break;
            }
        }
        if !limited.read_buf(&mut read).await.is_ok_and(|read| read > 0) {
            return false;
        }
    }
    let text = String::from_utf8_lossy(&read);
    let number = text.split_once("n=").unwrap().1.split_once(';').unwrap().0;
    *seen.lock().unwrap().entry(number.parse().unwrap()).or_default() += 1;
    true
}

/// Answers some requests well, and has something happen to the next one.
async fn troubled(mut stream: TcpStream, connection: u64, seen: Seen) {
    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"id\":\"media\",\"status\":\"ok\"}  ";
    for _ in 0..random(connection, 4) {
        if !read_request(&mut stream, u64::MAX, &seen).await || stream.write_all(RESPONSE).await.is_err() {
            return;
        }
    }
    let what = random(connection + 1_000_000, 10);
    if what < 6 {
        // At every point of a message, and of an upload.
        let limit = random(connection + 2_000_000, if what < 4 { 600 } else { 300_000 });
        read_request(&mut stream, limit, &seen).await;
        return reset(stream);
    }
    if !read_request(&mut stream, u64::MAX, &seen).await {
        return;
    }
    match what {
        6 => reset(stream),
        7 => drop(stream),
        8 => {
            let _ = stream.write_all(&RESPONSE[..random(connection, RESPONSE.len() as u64) as usize]).await;
            reset(stream);
        }
        _ => swallow(stream).await,
    }
}

/// A proxy that never finishes its response to `CONNECT`.
async fn dribble(mut stream: TcpStream) {
    while stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: .").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(client: &Client, number: u64) -> Result<(), Error> {
    if !number.is_multiple_of(10) {
        return client.send_bot_message(&conversation(), &BotMessage::text(format!("n={number};"))).await.map(drop);
    }
    let source = MediaSource::reader(200_000, tokio::io::repeat(7).take(200_000));
    let media = Media::video(format!("n={number};.mp4"), source).unwrap();
    let token = UploadToken::new("upload-token-of-the-test").unwrap();
    client.execute(&UploadMedia::new(&media, &token)).await.map(drop)
}

async fn send_all(seen: Seen) {
    let open = Arc::new(AtomicU64::new(0));
    let troubled = serve(&open, {
        let seen = seen.clone();
        move |stream, number| troubled(stream, number, seen.clone())
    })
    .await;
    let black_hole = serve(&open, |stream, _| swallow(stream)).await;
    let resets = serve(&open, |mut stream, number| async move {
        let _ = (&mut stream).take(random(number, 300)).read_to_end(&mut Vec::new()).await;
        reset(stream);
    })
    .await;
    let urls = [
        format!("http://{troubled}"),
        format!("https://{black_hole}"),
        format!("https://{resets}"),
        "https://behind-the-proxy.example".to_owned(),
    ];
    let transports: [Arc<dyn HttpTransport>; 2] =
        [Arc::new(HyperTransport::new().unwrap()), Arc::new(ReqwestTransport::new().unwrap())];
    let clients: Vec<Vec<_>> = transports
        .iter()
        .map(|transport| {
            let client = |url: &String| {
                Client::builder(ApiKey::new(API_KEY).unwrap())
                    .base_urls(BaseUrls::single(url).unwrap())
                    .transport(transport.clone())
                    .time_limit(LIMIT)
                    .build()
                    .unwrap()
            };
            urls.iter().map(client).collect()
        })
        .collect();

    let (permits, mut sends) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for number in 0..SENDS {
        let permit = permits.clone().acquire_owned().await.unwrap();
        // Seven of ten go where requests can begin.
        let to = random(number, 10).saturating_sub(6) as usize;
        let client = clients[random(number + 3_000_000, 2) as usize][to].clone();
        sends.spawn(async move {
            let outcome = send(&client, number).await;
            drop(permit);
            (number, to, outcome)
        });
    }
    let outcomes = sends.join_all().await;
    drop((clients, transports));

    // What was sent may still be on its way. The servers' connections end once the clients' have.
    while open.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = seen.lock().unwrap();
    let mut counts = HashMap::<_, u32>::new();
    for (number, to, outcome) in outcomes {
        let times = seen.get(&number).copied().unwrap_or_default();
        let context = format!("send {number} to {}, seen {times} times: {outcome:?}", urls[to]);
        assert!(times <= 1, "sent twice: {context}");
        let said = match &outcome {
            Ok(()) => "processed",
            Err(error) if error.may_have_been_processed() => "maybe",
            Err(_) => "not processed",
        };
        match said {
            "processed" => assert_eq!(times, 1, "{context}"),
            "not processed" => assert_eq!(times, 0, "{context}"),
            _ => {}
        }
        if to > 0 {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Connect, "{context}");
            assert_eq!(said, "not processed", "{context}");
        }
        *counts.entry((said, times)).or_default() += 1;
    }
    println!("{counts:?}");
    // Each of them does happen.
    for case in [("processed", 1), ("maybe", 0), ("maybe", 1), ("not processed", 0)] {
        assert!(counts.get(&case).is_some_and(|count| *count > 50), "{case:?}: {counts:?}");
    }
}

#[test]
fn each_send_is_right_about_what_the_server_saw() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::var_os(SENDER).is_some() {
        runtime.block_on(send_all(Seen::default()));
        return;
    }
    runtime.block_on(async {
        let proxy = serve(&Arc::default(), |stream, _| dribble(stream)).await;
        let mut sender = tokio::process::Command::new(std::env::current_exe().unwrap());
        sender
            .args(["--exact", "ten_thousand_sends::each_send_is_right_about_what_the_server_saw", "--nocapture"])
            .env(SENDER, "1")
            .env("HTTPS_PROXY", format!("http://{proxy}"))
            .env("NO_PROXY", "127.0.0.1");
        for name in ["https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "no_proxy", "REQUEST_METHOD"]
        {
            sender.env_remove(name);
        }
        let output = sender.stdin(Stdio::null()).output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        println!("{out}");
    });
}
