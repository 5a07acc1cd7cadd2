use super::*;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Caused(&'static str, #[source] BoxError);

#[test]
fn debug_of_an_env_error_is_its_message_and_causes() {
    assert_eq!(format!("{:?}", EnvError::Missing("KENAR_API_KEY")), "environment variable not set: KENAR_API_KEY");
    let error = EnvError::Setup(Caused("cannot set up the transport", "no TLS provider".into()).into());
    assert_eq!(format!("{error:?}"), "cannot set up the client: cannot set up the transport: no TLS provider");
}
