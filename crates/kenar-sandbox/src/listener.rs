//! The port that a sandbox listens on.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::engine::Cut;

/// Answers connections until it is told to stop, and then the requests that are under way. Dropped, it drops them.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(answer(stream, router.clone(), stopped.clone()));
                }
                // Out of file descriptors, most likely: others have to be closed first.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    // Without it, a response may wait for an acknowledgement. It is slower then, not wrong.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = router.call(request);
        async move { unless_cut(answer.await) }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop(&mut stopped) => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // What is wrong with a connection is its other end's to notice; one that a fault cuts off is reset.
    if ended.is_err_and(|error| error.is_user()) {
        reset(connection.into_parts().io.into_inner());
    }
}

/// Closes a connection as one that broke: what waits to be sent is dropped, and the other end is told so.
#[allow(deprecated, reason = "what replaces it is newer than the oldest tokio that this crate builds with")]
fn reset(stream: TcpStream) {
    // Where it cannot be set, the connection ends all the same.
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// Ready once the sandbox stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error says that the sandbox is gone, which is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A connection whose service fails is closed without a response.
fn unless_cut(answer: Result<Response<Body>, Infallible>) -> io::Result<Response<Body>> {
    let Ok(response) = answer;
    match response.extensions().get::<Cut>() {
        Some(Cut::Before) => Err(io::ErrorKind::ConnectionReset.into()),
        _ => Ok(response),
    }
}
