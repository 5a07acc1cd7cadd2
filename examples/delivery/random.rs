//! Secret ids.

#[derive(Debug, thiserror::Error)]
pub enum NoRandomness {
    #[error("no random id: {0}")]
    Id(#[from] getrandom::Error),
    #[error(transparent)]
    State(#[from] kenar::oauth::NoRandomness),
}

/// 128 random bits, as 32 hexadecimal digits.
pub fn random_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    getrandom::getrandom(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
