//! [`Offset`]: the place of a packet among those of its namespace, and its text on the wire. (D105)
//!
//! Leaves out who gives them out and what they are compared for (`mod.rs`).

use std::{fmt, str::FromStr};

use engineio_proto::Moment;

const RADIX: u32 = 36;
/// Digits of the largest 64-bit number.
const MAX_DIGITS: usize = 13;

/// The place of a packet, later packets having greater ones.
///
/// On the wire it is the last argument of the packet: a text of at most 21 letters, digits and dots, such as
/// `2s7x.4fti4g`, which says which store gave it out and about when (as the reference's does), but not how many
/// packets there were. It needs no escapes in JSON.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{Offset, Recovery, RecoveryLimits};
///
/// let mut recovery: Recovery<(), (), ()> = Recovery::new(7, RecoveryLimits::default());
/// let (first, second) = (recovery.reserve(Moment::EPOCH), recovery.reserve(Moment::EPOCH));
/// assert!(first.offset() < second.offset());
/// assert_eq!(second.offset().to_string().parse(), Ok(second.offset()));
/// assert!("hello".parse::<Offset>().is_err());
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    instance: u32,
    /// Microseconds of the clock, or one more than the last where that was not earlier; 0 is before all.
    place: u64,
}

impl Offset {
    /// Before any that this instance gives out.
    pub(super) const fn first(instance: u32) -> Self {
        Self { instance, place: 0 }
    }

    /// The one to give out at `now`, after `self`.
    pub(super) fn next(self, now: Moment) -> Self {
        let place = (now.as_nanos() / 1000).max(self.place.saturating_add(1));
        Self { place, ..self }
    }

    /// Whether both are of the same instance, so that they can be compared.
    pub(super) const fn is_of(self, other: Self) -> bool {
        self.instance == other.instance
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_number(f, self.instance.into())?;
        f.write_str(".")?;
        write_number(f, self.place)
    }
}

fn write_number(f: &mut fmt::Formatter<'_>, mut number: u64) -> fmt::Result {
    let (mut digits, mut start) = (['0'; MAX_DIGITS], MAX_DIGITS);
    loop {
        start -= 1;
        digits[start] = char::from_digit((number % u64::from(RADIX)) as u32, RADIX).unwrap_or('0');
        number /= u64::from(RADIX);
        if number == 0 {
            break;
        }
    }
    digits[start..].iter().try_for_each(|digit| fmt::Write::write_char(f, *digit))
}

/// Reads only what `Display` writes: each offset has one text.
impl FromStr for Offset {
    type Err = NotAnOffset;

    fn from_str(text: &str) -> Result<Self, NotAnOffset> {
        let (instance, place) = text.split_once('.').ok_or(NotAnOffset)?;
        let instance = u32::try_from(read_number(instance)?).map_err(|_| NotAnOffset)?;
        Ok(Self { instance, place: read_number(place)? })
    }
}

fn read_number(text: &str) -> Result<u64, NotAnOffset> {
    let canonical = text.len() <= MAX_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        && (text == "0" || !text.starts_with('0'));
    if !canonical {
        return Err(NotAnOffset);
    }
    u64::from_str_radix(text, RADIX).map_err(|_| NotAnOffset)
}

/// A text that is not the offset of any packet.
///
/// ```
/// use socketio_proto::{NotAnOffset, Offset};
///
/// assert_eq!("hello".parse::<Offset>(), Err(NotAnOffset));
/// assert_eq!("2s7x.4fti4g".parse::<Offset>().map(|offset| offset.to_string()), Ok("2s7x.4fti4g".into()));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NotAnOffset;

impl fmt::Display for NotAnOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the offset of a packet")
    }
}

impl std::error::Error for NotAnOffset {}

/// An offset given out for a packet that is about to be sent and recorded, once.
///
/// ```
/// use engineio_proto::Moment;
/// use socketio_proto::{Recovery, RecoveryLimits};
///
/// let mut recovery: Recovery<(), (), String> = Recovery::new(7, RecoveryLimits::default());
/// let reserved = recovery.reserve(Moment::EPOCH);
/// let packet = format!(r#"["news","{}"]"#, reserved.offset());
/// recovery.record(reserved, packet, 100, Moment::EPOCH);
/// assert_eq!(recovery.packet_count(), 1);
/// ```
#[derive(Debug)]
#[must_use = "a packet with this offset is to be recorded"]
pub struct Reserved(Offset);

impl Reserved {
    pub(super) const fn new(offset: Offset) -> Self {
        Self(offset)
    }

    /// The offset, to be put into the packet.
    ///
    /// ```
    /// use engineio_proto::Moment;
    /// use socketio_proto::{Offset, Recovery, RecoveryLimits};
    ///
    /// let mut recovery: Recovery<(), (), ()> = Recovery::new(7, RecoveryLimits::default());
    /// let text = recovery.reserve(Moment::EPOCH).offset().to_string(); // as it goes into the packet
    /// assert!(text.parse::<Offset>().is_ok());
    /// ```
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.0
    }

    pub(super) const fn into_offset(self) -> Offset {
        self.0
    }
}
