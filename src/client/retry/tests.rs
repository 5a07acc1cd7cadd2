use super::*;

const LIMIT: Duration = Duration::from_millis(1500);

#[test]
fn pauses_double_and_are_shortened_by_half_at_most() {
    let retry = Retry::default().first_pause(Duration::from_millis(100));
    for (attempt, whole) in [(1, 100), (2, 200), (3, 400), (u32::MAX, u64::MAX)] {
        let whole = Duration::from_millis(whole);
        let pause = retry.pause(attempt);
        assert!(pause <= whole && (attempt == u32::MAX || pause >= whole / 2), "{attempt}: {pause:?}");
    }
}

#[tokio::test]
async fn call_without_a_timer_has_one_attempt() {
    let transport = crate::transport::MockTransport::new();
    transport.fail(TransportErrorKind::Connect);
    transport.respond_json(200, &serde_json::json!({}));
    let request = || Ok(Request::new(Body::empty()));
    let call = Call { operation: "test", idempotent: true, time_limit: LIMIT, request: &request };
    let error = run(&transport, None, &Retry::default(), call).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1));
    assert_eq!(transport.requests().len(), 1);
}

/// A timer that always oversleeps.
#[derive(Debug, Default)]
struct Late(std::sync::Mutex<Duration>);

impl Timer for Late {
    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        // Oversleeps only in pauses. The limits of attempts are longer, and are never reached here.
        *self.0.lock().unwrap() += if duration < Duration::from_millis(500) { duration * 20 } else { Duration::ZERO };
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> std::time::Instant {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        *START.get_or_init(std::time::Instant::now) + *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn no_attempt_begins_after_the_time_limit() {
    let transport = crate::transport::MockTransport::new();
    transport.fail(TransportErrorKind::Connect);
    transport.respond_json(200, &serde_json::json!({}));
    let request = || Ok(Request::new(Body::empty()));
    let call = Call { operation: "test", idempotent: false, time_limit: LIMIT, request: &request };
    let retry = Retry::default().first_pause(Duration::from_millis(400));
    let error = run(&transport, Some(&Late::default()), &retry, call).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{error}");
    assert_eq!(transport.requests().len(), 1);
}
