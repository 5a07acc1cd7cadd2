use super::*;

#[test]
fn host_header_is_the_authority_without_user_information() {
    let host = |uri: &'static str| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static(uri);
        add_host(&mut request);
        request.headers().get(header::HOST).map(|host| host.to_str().unwrap().to_owned())
    };
    assert_eq!(host("https://open-api.divar.ir/v1").as_deref(), Some("open-api.divar.ir"));
    assert_eq!(host("http://[::1]:4040/v1").as_deref(), Some("[::1]:4040"));
    // hyper-util adds it.
    assert_eq!(host("https://user:placeholder@kenar.example/v1"), None);
}

#[test]
fn host_header_of_the_caller_is_kept() {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("http://127.0.0.1:4040/v1");
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("kenar.example"));
    add_host(&mut request);
    assert_eq!(request.headers().get_all(header::HOST).iter().collect::<Vec<_>>(), ["kenar.example"]);
}
