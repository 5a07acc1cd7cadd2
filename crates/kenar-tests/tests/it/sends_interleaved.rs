//! Promise: a message that Divar may have processed is not resent, and every outcome tells whether it may have been processed.
//!
//! A loopback server responds, delays, resets before and after it has processed a message, refuses connections and stalls, as a
//! seeded generator decides. Thousands of messages go through the real transports, concurrently and over shared connections.
//! The server's ledger is compared with the outcomes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kenar::client::Retry;
use kenar::error::ErrorKind;
use kenar::model::ConversationId;
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::{HttpTransport, HyperTransport, ReqwestTransport};
use kenar::{ChatApi as _, Client, ConversationMessage, Error};
use kenar_tests::interleaving::{Reply, Then, bound, listen, random, response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const MESSAGES: u32 = 3_000;
const CLIENTS: u32 = 4;
/// The concurrent messages of one client.
const AT_ONCE: u32 = 16;
/// The limit of a response, in bytes.
const MAX_RESPONSE: usize = 4096;

/// The server's treatment of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Processes it and responds with success: at once, late, in pieces, or closing the connection afterwards.
    Well,
    Late,
    InPieces,
    WellAndClosed,
    /// Processes it, and responds with a status or a body that is not a success.
    ServerError,
    HtmlPage,
    TooLarge,
    /// Processes it, and disconnects before or within the response.
    Lost,
    CutOff,
    /// Processes it, and never responds.
    Silent,
    /// Does not process it, and says so.
    RateLimited,
    Refused,
    /// Does not process it, and disconnects or never responds.
    Dropped,
    Ignored,
}

const FATES: [Fate; 14] = [
    Fate::Well,
    Fate::Late,
    Fate::InPieces,
    Fate::WellAndClosed,
    Fate::ServerError,
    Fate::HtmlPage,
    Fate::TooLarge,
    Fate::Lost,
    Fate::CutOff,
    Fate::Silent,
    Fate::RateLimited,
    Fate::Refused,
    Fate::Dropped,
    Fate::Ignored,
];

impl Fate {
    /// The fate of a message that has arrived this often before.
    fn of(message: u32, times_before: usize) -> Self {
        match random(u64::from(message) << 8 | times_before as u64) % 1000 {
            // Few, since each of these takes its caller's whole time limit.
            0..6 => Self::Silent,
            6..12 => Self::Ignored,
            number => FATES.into_iter().cycle().filter(|fate| fate.is_quick()).nth(number as usize).unwrap(),
        }
    }

    fn is_quick(&self) -> bool {
        !matches!(self, Self::Silent | Self::Ignored)
    }

    fn is_processed(self) -> bool {
        !matches!(self, Self::RateLimited | Self::Refused | Self::Dropped | Self::Ignored)
    }

    fn is_success(self) -> bool {
        matches!(self, Self::Well | Self::Late | Self::InPieces | Self::WellAndClosed)
    }
}

/// The server's record of each message: one fate per arrival.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<u32, Vec<Fate>>>>);

impl Ledger {
    fn enter(&self, message: u32) -> Fate {
        let mut entries = self.0.lock().unwrap();
        let fates = entries.entry(message).or_default();
        let fate = Fate::of(message, fates.len());
        fates.push(fate);
        fate
    }
}

/// Records the message of a request, and returns the reply of its fate.
fn reply(body: &[u8], ledger: &Ledger) -> Reply {
    let body: serde_json::Value = serde_json::from_slice(body).expect("a message is JSON");
    let message: u32 = body["message"].as_str().expect("a text").parse().expect("the text is a number");
    let fate = ledger.enter(message);
    let json = "Content-Type: application/json\r\n";
    let well = response("200 OK", json, r#"{"status":200,"message":"success"}"#);
    let text = match fate {
        Fate::Well | Fate::Late | Fate::InPieces => well,
        Fate::WellAndClosed => response("200 OK", "Connection: close\r\n", "{}"),
        Fate::ServerError => response("503 Service Unavailable", "Retry-After: 0\r\n", "busy"),
        Fate::HtmlPage => response("200 OK", "Content-Type: text/html\r\n", "<html></html>"),
        Fate::TooLarge => response("200 OK", json, &format!("{{\"message\":\"{}\"}}", "a".repeat(MAX_RESPONSE))),
        Fate::CutOff => well[..well.len() / 2].to_owned(),
        Fate::RateLimited => response("429 Too Many Requests", "Retry-After: 0\r\n", r#"{"code":8,"message":"slow"}"#),
        Fate::Refused => response("412 Precondition Failed", json, r#"{"code":9,"message":"restricted"}"#),
        Fate::Lost | Fate::Silent | Fate::Dropped | Fate::Ignored => String::new(),
    };
    let late = if fate == Fate::Late { random(message.into()) % 10 } else { 0 };
    let then = match fate {
        Fate::Silent | Fate::Ignored => Then::FallSilent,
        Fate::WellAndClosed | Fate::Lost | Fate::CutOff | Fate::Dropped => Then::BreakOff,
        _ => Then::GoOn,
    };
    Reply { text, after: Duration::from_millis(late), in_pieces: fate == Fate::InPieces, then }
}

/// A client over hyper or over reqwest, in turn.
fn client(address: SocketAddr, number: u32) -> Client {
    let transport: Arc<dyn HttpTransport> = if number.is_multiple_of(2) {
        Arc::new(HyperTransport::builder().max_response_bytes(MAX_RESPONSE).build().unwrap())
    } else {
        Arc::new(ReqwestTransport::builder().max_response_bytes(MAX_RESPONSE).no_proxy().build().unwrap())
    };
    Client::builder(ApiKey::new("placeholder").unwrap())
        .base_urls(BaseUrls::single(&format!("http://{address}")).unwrap())
        .transport(transport)
        .retry(Retry::default().first_pause(Duration::from_millis(4)))
        .time_limit(Duration::from_millis(600))
        .build()
        .unwrap()
}

/// Sends every `step`th message, one after the other.
async fn send(client: Client, first: u32, step: u32) -> Vec<(u32, Result<(), Error>)> {
    let (to, by) = (ConversationId::new("c-1"), AccessToken::new("placeholder").unwrap());
    let mut outcomes = Vec::new();
    for message in (first..MESSAGES).step_by(step as usize) {
        let text = ConversationMessage::text(message.to_string());
        outcomes.push((message, client.send_message(&to, &text, &by).await.map(drop)));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processed_message_is_not_resent_and_outcomes_are_true() {
    // Keeps the port while the server does not listen.
    let holder = bound();
    let address = holder.local_addr().unwrap();
    let ledger = Ledger::default();
    let first = TcpListener::bind(address).await.unwrap();
    let entered = ledger.clone();
    let server = tokio::spawn(listen(address, first, move |body| reply(body, &entered)));

    let mut senders = JoinSet::new();
    for number in 0..CLIENTS {
        let client = client(address, number);
        for lane in 0..AT_ONCE {
            senders.spawn(send(client.clone(), number * AT_ONCE + lane, CLIENTS * AT_ONCE));
        }
    }
    let outcomes: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
    server.abort();

    let ledger = ledger.0.lock().unwrap();
    let mut seen = BTreeMap::<String, usize>::new();
    for (message, outcome) in &outcomes {
        let fates = ledger.get(message).map_or(&[][..], Vec::as_slice);
        check(*message, outcome, fates);
        let what = outcome.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |()| "sent".to_owned());
        *seen.entry(what).or_default() += 1;
        for fate in fates {
            *seen.entry(format!("fate {fate:?}")).or_default() += 1;
        }
        *seen.entry("retried".to_owned()).or_default() += usize::from(fates.len() > 1);
    }
    // Otherwise the comparison proves nothing.
    assert_eq!(outcomes.len(), MESSAGES as usize);
    let kinds = ["sent", "Timeout", "Interrupted", "ResponseTooLarge", "Api", "UnexpectedResponse"];
    let others = kinds.map(str::to_owned).into_iter().chain(FATES.map(|fate| format!("fate {fate:?}")));
    for what in others.chain(["retried".to_owned()]) {
        assert!(seen.contains_key(&what), "{what} never happened: {seen:#?}");
    }
}

#[tokio::test]
async fn unreachable_server_is_retried_and_reported_as_not_sent() {
    let nobody = bound();
    let client = client(nobody.local_addr().unwrap(), 0);
    for (message, outcome) in send(client, 0, MESSAGES / 20).await {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
        assert!(!error.may_have_been_processed(), "{error}");
        check(message, &outcome, &[]);
    }
}

/// Compares an outcome with the server's record.
fn check(message: u32, outcome: &Result<(), Error>, fates: &[Fate]) {
    let about = || format!("message {message}: {outcome:?}, and the server: {fates:?}");
    let processed = fates.iter().filter(|fate| fate.is_processed()).count();
    assert!(processed <= 1, "processed twice: {}", about());
    let before = fates.split_last().map_or(&[][..], |(_, before)| before);
    // Only a response that denies processing permits a retry.
    assert!(before.iter().all(|fate| *fate == Fate::RateLimited), "sent again: {}", about());
    let last = fates.last().copied();

    let error = match outcome {
        Ok(()) => return assert!(last.is_some_and(Fate::is_success), "not a success: {}", about()),
        Err(error) => error,
    };
    assert!(error.may_have_been_processed() || processed == 0, "it was processed: {}", about());
    assert!(error.attempts() as usize >= fates.len(), "attempts are missing: {}", about());
    let responded = |status: u16, fate| last == Some(fate) && error.status().is_some_and(|own| own == status);
    match error.kind() {
        // There was no connection: earlier attempts must have been refused.
        ErrorKind::Connect => assert!(fates.iter().all(|fate| *fate == Fate::RateLimited), "{}", about()),
        ErrorKind::Api => {
            let known = responded(429, Fate::RateLimited) || responded(412, Fate::Refused);
            assert!(known || responded(503, Fate::ServerError), "unexpected status: {}", about());
            assert_eq!(error.may_have_been_processed(), processed > 0, "{}", about());
            assert_eq!(error.is_recipient_restricted(), last == Some(Fate::Refused), "{}", about());
            assert_eq!(error.is_rate_limited(), last == Some(Fate::RateLimited), "{}", about());
        }
        ErrorKind::UnexpectedResponse => assert_eq!(last, Some(Fate::HtmlPage), "{}", about()),
        ErrorKind::ResponseTooLarge => assert_eq!(last, Some(Fate::TooLarge), "{}", about()),
        ErrorKind::Interrupted | ErrorKind::Timeout => {
            assert!(error.may_have_been_processed(), "reported as not processed: {}", about());
        }
        other => panic!("{other:?}: {}", about()),
    }
}
