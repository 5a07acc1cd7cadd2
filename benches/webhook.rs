//! A server's cost of receiving an event, in axum: with the extractor, with the verifier, and by hand.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use kenar::model::MessageContent;
use kenar::secret::IdentificationKey;
use kenar::webhook::{Event, Rejection, Verifier};
use subtle::ConstantTimeEq as _;
use support::{Contestant, Effort, cpu_time_of_other_threads, measure, median, plain, print_table, stay_on_one_core};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KEY: &str = "placeholder-of-thirty-two-letters";
const BODY: &str = r#"{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{"id":"7651e770-6231-11f0-8000-000000000001","conversation":{"id":"5f8b0f6e-0000-4000-8000-0000000000b0","type":"BOT"},"sender":{"type":"USER"},"type":"TEXT","sent_at":1752662502648410,"text":"سلام، سفارش من کجاست؟"}}"#;
const CONNECTIONS: u64 = 32;

fn main() {
    stay_on_one_core();
    let verifier = Verifier::new(IdentificationKey::new(KEY).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let contestants = [
        ("extractor", serve(Router::new().route("/", post(extracted)).with_state(verifier.clone()))),
        ("verifier", serve(Router::new().route("/", post(verified)).with_state(verifier))),
        ("by hand", serve(Router::new().route("/", post(by_hand)).with_state(Arc::from(KEY)))),
        ("nothing checked or read", serve(Router::new().route("/", post(unread)))),
    ]
    .map(|(name, port)| {
        let mut connections = runtime.block_on(connect(port));
        let runtime = &runtime;
        Contestant::new(name, move |times| {
            let each = times.div_ceil(CONNECTIONS);
            connections = runtime.block_on(ask(std::mem::take(&mut connections), each));
        })
    });

    let effort = Effort::of_command_line(201, Duration::from_millis(10));
    let times = measure(effort, cpu_time_of_other_threads, contestants.into());
    print_table("one event, server side, 32 connections", "by hand", &times, |name| {
        let of = |name: &str| times.iter().find(|times| times.name == name).map_or(f64::NAN, |t| median(&t.wall));
        format!("{:.0} requests/s, x {:.2}", 1e9 / of(name), of("by hand") / of(name))
    });
}

async fn extracted(event: Event) -> StatusCode {
    status(&event)
}

async fn verified(State(verifier): State<Verifier>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Rejection> {
    Ok(status(&verifier.event(&headers, &body)?))
}

fn status(event: &Event) -> StatusCode {
    match event {
        Event::ChatbotMessage(event) if matches!(&event.content, MessageContent::Text(text) if !text.is_empty()) => {
            StatusCode::OK
        }
        _ => StatusCode::ACCEPTED,
    }
}

async fn by_hand(State(key): State<Arc<str>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let shown = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    if !bool::from(shown.ct_eq(key.as_bytes())) {
        return StatusCode::UNAUTHORIZED;
    }
    match serde_json::from_slice::<plain::Event>(&body) {
        Ok(plain::Event { new_chatbot_message: Some(message), .. }) if message.text.is_some() => StatusCode::OK,
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn unread(_headers: HeaderMap, _body: Bytes) -> StatusCode {
    StatusCode::OK
}

/// Serves on a new thread, and returns the port.
fn serve(router: Router) -> u16 {
    let (port, served) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            port.send(listener.local_addr().unwrap().port()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    served.recv().unwrap()
}

async fn connect(port: u16) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        connection.set_nodelay(true).unwrap();
        connections.push(connection);
    }
    connections
}

/// Sends requests on all connections at once.
async fn ask(connections: Vec<TcpStream>, times: u64) -> Vec<TcpStream> {
    let request: Arc<str> = format!(
        "POST / HTTP/1.1\r\nhost: addon.example\r\ncontent-type: application/json\r\nauthorization: {KEY}\r\n\
         user-agent: stub\r\naccept: */*\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len(),
    )
    .into();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|mut connection| {
            let request = request.clone();
            tokio::spawn(async move {
                let mut response = [0; 512];
                for _ in 0..times {
                    connection.write_all(request.as_bytes()).await.unwrap();
                    // The responses are short and have no body, so each arrives in one piece.
                    let length = connection.read(&mut response).await.unwrap();
                    assert!(response[..length].starts_with(b"HTTP/1.1 200 "), "every event is accepted");
                    assert!(response[..length].ends_with(b"\r\n\r\n"));
                }
                connection
            })
        })
        .collect();
    let mut connections = Vec::new();
    for task in tasks {
        connections.push(task.await.unwrap());
    }
    connections
}
