//! [`random_id`]: the one source of ids in the runtime crates.

use std::io;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use engineio_proto::Text;

/// 20 characters that nobody can guess: 120 bits of the system's randomness in URL-safe base64 (row A26,
/// hazard S1).
///
/// ```
/// let (one, two) = (engineio::random_id()?, engineio::random_id()?);
/// assert_eq!(one.len(), 20);
/// assert_ne!(one, two);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the system says where it gives no randomness.
pub fn random_id() -> io::Result<Text> {
    let mut random = [0; 15];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(random).into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Hazard S1.
    #[test]
    fn ids_have_twenty_url_safe_characters_and_do_not_repeat() {
        let ids: HashSet<_> = (0..1000).map(|_| random_id().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 20 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
        );
    }
}
