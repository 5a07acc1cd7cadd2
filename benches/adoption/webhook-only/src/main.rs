//! Verifies and reads an event that a web framework would hand over: no runtime, no TLS.

use std::env::var;
use std::io::Read as _;

use kenar::secret::IdentificationKey;
use kenar::webhook::{Event, Verifier};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::new(IdentificationKey::new(var("KENAR_IDENTIFICATION_KEY")?)?);
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, var("AUTHORIZATION")?.parse()?);
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    if let Event::ChatbotMessage(message) = verifier.event(&headers, &body)? {
        println!("{}", message.text().unwrap_or("…"));
    }
    Ok(())
}
