//! The TCP listener of a sandbox.

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

/// Serves connections until the sandbox stops, then finishes requests in progress. Dropping it closes all connections.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone(), stopped.clone()));
                }
                // Probably out of file descriptors: others must be closed first.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    // Only an optimisation: without it, a response may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let response = router.call(request);
        async move { unless_cut(response.await) }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop(&mut stopped) => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // A user error comes from a fault, which resets the connection. Other errors are the client's to handle.
    if ended.is_err_and(|error| error.is_user()) {
        reset(connection.into_parts().io.into_inner());
    }
}

/// Resets a connection, which discards unsent data.
#[allow(deprecated, reason = "the replacement is newer than the oldest supported tokio")]
fn reset(stream: TcpStream) {
    // If it fails, the connection is closed without a reset.
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// Waits until the sandbox stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sandbox was dropped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Fails if a fault cuts off the response: hyper then closes the connection without one.
fn unless_cut(response: Result<Response<Body>, Infallible>) -> io::Result<Response<Body>> {
    let Ok(response) = response;
    match response.extensions().get::<Cut>() {
        Some(Cut::Before) => Err(io::ErrorKind::ConnectionReset.into()),
        _ => Ok(response),
    }
}
